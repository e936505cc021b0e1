"""Publish a draft: it becomes binding, and what it changes is announced enterprise by enterprise.

Everything is one transaction, in a job: readers see the old plan or the new one, and a job that
begins again finds either nothing done or all.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.allocation.domain import model as rules
from services.allocation.domain.model import PlanState, publish_plan, supersede_plan
from services.allocation.store import plans, publishing
from services.allocation.store.campaigns import Campaign
from services.allocation.store.plans import StoredPlan
from services.allocation.store.publishing import Began, Ended
from services.allocation.usecases.finding import find_campaign, running_one
from services.allocation.usecases.planning import check_not_rotated, find_plan, tier_one_of
from shared.contracts.allocation import (
    EnterpriseAssigned,
    EnterpriseUnassigned,
    PlanPublished,
    UnassignReason,
)
from shared.kernel.errors import Conflict
from shared.platform.database import Transaction
from shared.platform.jobs import Work, start_job

PUBLISH = "plan.publish"


@dataclass(frozen=True, slots=True)
class Publish:
    """Make a draft binding."""

    plan_id: UUID


@dataclass(frozen=True, slots=True)
class Publishing:
    """A plan is being published by a job."""

    plan_id: UUID
    job_id: UUID


@dataclass(frozen=True, slots=True)
class Check:
    """Say as a second person that a draft is right."""

    plan_id: UUID


async def check_plan(command: Check, tx: Transaction) -> StoredPlan:
    """Check a draft somebody else has made: only then may it be published (A1).

    Raises: Refused `access.role`; NotFound `plan.unknown`; RuleViolation `plan.not_draft`,
    `plan.own_work`.
    """
    tx.principal.must_be("province_regulator")
    plan = await find_plan(tx, command.plan_id, lock=True)
    rules.check_plan(plan.rule, by=tx.principal.account_id)
    await publishing.set_checked(tx, plan.plan_id)
    tx.audit("plan.checked", plan.plan_id, before={"state": plan.state.value})
    return await find_plan(tx, plan.plan_id)


async def publish(command: Publish, tx: Transaction) -> Publishing:
    """Queue the publication of a checked draft (A1).

    Raises: Refused `access.role`; NotFound `plan.unknown`; Conflict `plan.not_checked`,
    `plan.publishing`, `plan.stale`, `plan.no_tier_one`, `plan.rotation_began`, `campaign.closed`.
    """
    tx.principal.must_be("province_regulator")
    plan = await find_plan(tx, command.plan_id, lock=True)
    if plan.publishing:
        raise Conflict("plan.publishing", "方案正在发布", "请稍候,完成后状态变为已发布")
    publish_plan(plan.rule, published_at=tx.now)
    await _check_base(tx, plan)
    job_id = await start_job(tx, PUBLISH, {"plan_id": str(plan.plan_id)})
    await publishing.set_publication_job(tx, plan.plan_id, job_id)
    tx.audit("plan.publication_requested", plan.plan_id, before={"state": plan.state.value})
    return Publishing(plan.plan_id, job_id)


async def _check_base(tx: Transaction, plan: StoredPlan) -> None:
    """What the plan was solved on must still be in force, or it would undo what came after."""
    await running_one(tx, plan.campaign_id)
    if plan.tier == 1:
        return
    if plan.round == 1:
        await check_not_rotated(tx, plan.campaign_id)
        base = await tier_one_of(tx, plan.campaign_id)
    else:
        base = await plans.published(tx, plan.campaign_id, 2)
    if base is None or base.plan_id != plan.rests_on:
        raise Conflict("plan.stale", "方案已过时", "其依据的方案已被新方案取代;请重新计算后再发布")


async def run_publication(work: Work) -> dict[str, Any]:
    """Publish a plan; where that is done already, nothing happens."""
    plan_id = UUID(work.params["plan_id"])
    await work.progress(0.1, "正在发布方案")
    async with work.transaction() as tx:
        plan = await find_plan(tx, plan_id)
        campaign = await find_campaign(tx, plan.campaign_id, lock=True)
        plan = await find_plan(tx, plan_id, lock=True)
        if plan.state is PlanState.PUBLISHED:
            return {"plan_id": str(plan_id), "state": plan.state.value}
        await _check_base(tx, plan)
        moved = await _make_binding(tx, campaign, plan)
    return {"plan_id": str(plan_id), "state": PlanState.PUBLISHED.value, "moved": moved}


async def _make_binding(tx: Transaction, campaign: Campaign, plan: StoredPlan) -> int:
    binding = publish_plan(plan.rule, published_at=tx.now)
    earlier = await plans.published(tx, plan.campaign_id, plan.tier)
    day, reason = plan.rotated_on or tx.today, _reason_of(plan)
    if plan.rotated_on:
        await publishing.drop_matched(tx, plan, plan.rotated_on, campaign.profile.matched)
    else:
        if earlier:
            supersede_plan(earlier.rule, by=binding)
        await publishing.choose_all(tx, plan)
    ended = await publishing.end_moved(tx, plan, day, reason)
    began = await publishing.begin(tx, plan, day)
    await publishing.set_published(tx, plan, len(began))
    tx.emit(
        PlanPublished(
            plan_id=plan.plan_id,
            campaign_id=plan.campaign_id,
            tier=plan.tier,
            version=plan.version,
            assigned=plan.assigned or 0,
            published_on=tx.today,
        )
    )
    tx.emit(*(_ended(plan, one, day, reason) for one in ended))
    tx.emit(*(_began(plan, one, day) for one in began))
    tx.audit(
        "plan.published",
        plan.plan_id,
        before={"state": plan.state.value},
        after={"ended": len(ended), "began": len(began)},
    )
    return len(began)


def _reason_of(plan: StoredPlan) -> UnassignReason:
    return "rotated" if plan.rotated_on else "superseded"


def _ended(plan: StoredPlan, one: Ended, day: date, reason: UnassignReason) -> EnterpriseUnassigned:
    return EnterpriseUnassigned(
        assignment_id=one.assignment_id,
        enterprise_id=one.enterprise_id,
        campaign_id=plan.campaign_id,
        tier=plan.tier,
        institution_id=one.institution_id,
        reason=reason,
        unassigned_on=day,
    )


def _began(plan: StoredPlan, one: Began, day: date) -> EnterpriseAssigned:
    return EnterpriseAssigned(
        assignment_id=one.assignment_id,
        enterprise_id=one.enterprise_id,
        campaign_id=plan.campaign_id,
        tier=plan.tier,
        bureau_code=one.bureau_code,
        institution_id=one.institution_id,
        region_code=one.region_code,
        round=plan.round,
        assigned_on=day,
    )

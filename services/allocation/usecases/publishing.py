"""Publish a draft: it becomes binding, and what it changes is announced enterprise by enterprise.

Everything is one transaction, in a job: readers see the old plan or the new one, and a job that
begins again finds either nothing done or all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.allocation.domain import model as rules
from services.allocation.domain.model import NodeKind, PlanState, publish_plan, supersede_plan
from services.allocation.domain.tree import Step
from services.allocation.store import plans, publishing
from services.allocation.store.campaigns import Campaign
from services.allocation.store.plans import StoredPlan
from services.allocation.store.publishing import Began, Ended
from services.allocation.usecases.finding import find_campaign, running_one
from services.allocation.usecases.planning import (
    base_of,
    check_not_rotated,
    find_plan,
    in_force,
    step_of,
)
from shared.contracts.allocation import (
    EnterpriseAssigned,
    EnterprisePlaced,
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

    Raises: NotFound `plan.unknown`; RuleViolation `plan.not_draft`,
    `plan.own_work`.
    """
    plan = await find_plan(tx, command.plan_id, lock=True)
    rules.check_plan(plan.rule, by=tx.principal.account_id)
    await publishing.set_checked(tx, plan.plan_id)
    tx.audit("plan.checked", plan.plan_id, before={"state": plan.state.value})
    return await find_plan(tx, plan.plan_id)


async def publish(command: Publish, tx: Transaction) -> Publishing:
    """Queue the publication of a checked draft (A1).

    Raises: NotFound `plan.unknown`; Conflict `plan.not_checked`,
    `plan.publishing`, `plan.stale`, `plan.no_base`, `plan.rotation_began`, `campaign.closed`.
    """
    plan = await find_plan(tx, command.plan_id, lock=True)
    if plan.publishing:
        raise Conflict("plan.publishing", "方案正在发布", "请稍候,完成后状态变为已发布")
    publish_plan(plan.rule, published_at=tx.now)
    await _check_base(tx, await find_campaign(tx, plan.campaign_id), plan)
    job_id = await start_job(tx, PUBLISH, {"plan_id": str(plan.plan_id)})
    await publishing.set_publication_job(tx, plan.plan_id, job_id)
    tx.audit("plan.publication_requested", plan.plan_id, before={"state": plan.state.value})
    return Publishing(plan.plan_id, job_id)


async def _check_base(tx: Transaction, campaign: Campaign, plan: StoredPlan) -> None:
    """What the plan was solved on must still be in force, or it would undo what came after."""
    await running_one(tx, plan.campaign_id)
    step = step_of(campaign, plan.tier)
    if step.duty and plan.round == 1:
        await check_not_rotated(tx, campaign)
    rotated = step.duty and plan.round > 1
    base = await in_force(tx, campaign) if rotated else await base_of(tx, campaign, step)
    if (base and base.plan_id) != plan.rests_on:
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
        await _check_base(tx, campaign, plan)
        moved = await _make_binding(tx, campaign, plan)
    return {"plan_id": str(plan_id), "state": PlanState.PUBLISHED.value, "moved": moved}


async def _make_binding(tx: Transaction, campaign: Campaign, plan: StoredPlan) -> int:
    step = step_of(campaign, plan.tier)
    binding = publish_plan(plan.rule, published_at=tx.now)
    earlier = await plans.published(tx, plan.campaign_id, plan.tier)
    day, reason = plan.rotated_on or tx.today, _reason_of(plan)
    if plan.rotated_on:
        await publishing.drop_matched(tx, plan, plan.rotated_on, campaign.profile.matched)
    else:
        if earlier:
            supersede_plan(earlier.rule, by=binding)
        await _choose(tx, step, plan)
    ended = await publishing.end_moved(tx, plan, day, reason)
    if step.to is not NodeKind.BUREAU:  # below a bureau, the plan of the banks' tier ends duties
        left = [one.enterprise_id for one in ended] + await publishing.follow(tx, plan)
        await publishing.end_deeper(tx, plan.campaign_id, plan.tier, left, day=day, reason=reason)
    began = await publishing.begin(tx, plan, day, duty=step.duty)
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
    if step.duty or not step.within:
        tx.emit(*(_ended(plan, one, day, reason) for one in ended))
        tx.emit(*(_began(plan, one, day) for one in began))
    if step.to in (NodeKind.BRANCH, NodeKind.OUTLET):
        tx.emit(*(placed for one in began for placed in _placed(plan, one, day)))
    tx.audit(
        "plan.published",
        plan.plan_id,
        before={"state": plan.state.value},
        after={"ended": len(ended), "began": len(began)},
    )
    return len(began)


async def _choose(tx: Transaction, step: Step, plan: StoredPlan) -> None:
    """Everybody of the campaign; within a bank those whom it has at the tier above."""
    if step.within and step.base:
        await publishing.choose_held(tx, plan, step.base)
    else:
        await publishing.choose_all(tx, plan)


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


def _placed(plan: StoredPlan, one: Began, day: date) -> Iterator[EnterprisePlaced]:
    if one.institution_id and one.node_city:
        yield EnterprisePlaced(
            assignment_id=one.assignment_id,
            enterprise_id=one.enterprise_id,
            campaign_id=plan.campaign_id,
            tier=plan.tier,
            institution_id=one.institution_id,
            branch_code=one.node_city,
            outlet_id=one.node_outlet_id,
            placed_on=day,
        )

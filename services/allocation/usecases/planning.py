"""Ask for a plan of any tier, or for a rotation; a job then solves it (`solving`)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.allocation.domain.model import NodeKind, Plan, PlanState
from services.allocation.domain.tasks import Form
from services.allocation.domain.tree import Step
from services.allocation.store import plans
from services.allocation.store.campaigns import Campaign
from services.allocation.store.plans import StoredPlan
from services.allocation.usecases.finding import find_campaign, open_one
from shared.kernel.errors import BadInput, Conflict, NotFound
from shared.kernel.ids import new_id
from shared.platform.database import Transaction
from shared.platform.jobs import start_job

SOLVE = "plan.solve"


@dataclass(frozen=True, slots=True)
class MakePlan:
    """Share the campaign's list out at a tier; the seed decides between equals (A4).

    In the joint `form` each outlet has a limit of its own, and everybody gets a seat at one.
    """

    campaign_id: UUID
    tier: int
    seed: int
    form: Form = "kernel"


@dataclass(frozen=True, slots=True)
class Rotate:
    """Give those not matched by a day to another institution (JS-19)."""

    campaign_id: UUID
    rotated_on: date
    seed: int


@dataclass(frozen=True, slots=True)
class Started:
    """A plan is being worked on by a job."""

    plan_id: UUID
    job_id: UUID
    version: int


async def make_plan(command: MakePlan, tx: Transaction) -> Started:
    """Queue a plan of a tier (JS-06, JS-07).

    Raises: NotFound `campaign.unknown`; Conflict `campaign.enrolling`,
    `plan.tier_not_in_profile`, `plan.no_base`, `plan.rotation_began`, `plan.form_not_here`.
    """
    campaign = await open_one(tx, command.campaign_id)
    step = step_of(campaign, command.tier)
    if command.form == "joint" and step.to not in (NodeKind.INSTITUTION, NodeKind.BRANCH):
        raise Conflict(
            "plan.form_not_here",
            "这一层不能按网点名额联合分配",
            "只有分到机构或分行的一层可以;请改用普通形式",
        )
    base = await base_of(tx, campaign, step)
    if step.duty:
        await check_not_rotated(tx, campaign)
    return await _start(
        tx,
        Plan(new_id(), campaign.campaign_id, command.tier, 0, command.seed),
        form=command.form,
        rests_on=base and base.plan_id,
    )


def step_of(campaign: Campaign, tier: int) -> Step:
    """What a tier of the campaign's tree shares out.

    Raises: Conflict `plan.tier_not_in_profile`.
    """
    tree = campaign.profile.tree
    step = tree.step(tier)
    if step is None:
        known = "、".join(f"第 {one.tier} 层分到 {one.to}" for one in tree.steps)
        raise Conflict(
            "plan.tier_not_in_profile",
            "该活动方案没有这一层级的自动分配",
            f"方案 {campaign.profile.code} 可分配的层级:{known}",
        )
    return step


async def base_of(tx: Transaction, campaign: Campaign, step: Step) -> StoredPlan | None:
    """The plan in force that a step rests on; None: it is the first.

    Raises: Conflict `plan.no_base`.
    """
    if step.base is None:
        return None
    base = await plans.published(tx, campaign.campaign_id, step.base)
    if base is None:
        raise Conflict(
            "plan.no_base",
            "上一层分配尚未发布",
            f"请先计算并发布第 {step.base} 层方案,再计算第 {step.tier} 层",
        )
    return base


async def in_force(tx: Transaction, campaign: Campaign) -> StoredPlan | None:
    """The plan in force that made enterprises a bank's duty."""
    return await plans.published(tx, campaign.campaign_id, campaign.profile.tree.duty.tier)


async def check_not_rotated(tx: Transaction, campaign: Campaign) -> None:
    """After a rotation a fresh sharing-out would undo it.

    Raises: Conflict `plan.rotation_began`.
    """
    current = await in_force(tx, campaign)
    if current and current.round > 1:
        raise Conflict("plan.rotation_began", "轮换已经开始", "不能再重新分配首轮;请使用轮换")


async def rotate(command: Rotate, tx: Transaction) -> Started:
    """Queue the next round: unmatched enterprises to a bank that has not had them (JS-19, A7).

    Raises: NotFound `campaign.unknown`; BadInput `rotation.in_future`,
    `rotation.too_early`; Conflict `campaign.enrolling`, `plan.none_in_force`, `rotation.one_bank`.
    """
    campaign = await open_one(tx, command.campaign_id)
    if campaign.profile.tree.duty.to is not NodeKind.INSTITUTION:
        raise Conflict("rotation.one_bank", "本活动只有一家银行,不轮换", "轮换在多家机构之间进行")
    if command.rotated_on > tx.today:
        raise BadInput("rotation.in_future", "轮换日期不能在未来", f"今天是 {tx.today}")
    if command.rotated_on < campaign.dates.rotation_on:
        raise BadInput("rotation.too_early", "未到轮换日期", f"最早为 {campaign.dates.rotation_on}")
    current = await in_force(tx, campaign)
    if current is None:
        raise Conflict("plan.none_in_force", "尚无生效的分配方案", "没有已分配的企业可以轮换")
    since = current.rotated_on or current.published_on
    if since and command.rotated_on < since:
        raise BadInput("rotation.too_early", "轮换日期早于上一次分配", f"上一次分配于 {since}")
    return await _start(
        tx,
        Plan(new_id(), campaign.campaign_id, current.tier, 0, command.seed),
        form="kernel",
        rests_on=current.plan_id,
        round_no=current.round + 1,
        rotated_on=command.rotated_on,
    )


async def _start(
    tx: Transaction,
    plan: Plan,
    *,
    form: Form,
    rests_on: UUID | None,
    round_no: int = 1,
    rotated_on: date | None = None,
) -> Started:
    await find_campaign(tx, plan.campaign_id, lock=True)  # versions are counted one at a time
    job_id = await start_job(tx, SOLVE, {"plan_id": str(plan.plan_id)})
    version = await plans.add(
        tx,
        plan,
        job_id=job_id,
        form=form,
        round_no=round_no,
        rests_on=rests_on,
        rotated_on=rotated_on,
    )
    tx.audit(
        "plan.requested",
        plan.plan_id,
        after={"tier": plan.tier, "version": version, "round": round_no, "seed": plan.seed},
    )
    return Started(plan.plan_id, job_id, version)


async def find_plan(tx: Transaction, plan_id: UUID, *, lock: bool = False) -> StoredPlan:
    """One plan the caller may see: drafts are for the regulators, published ones for all.

    Raises: NotFound `plan.unknown`.
    """
    plan = await plans.find(tx, plan_id, lock=lock)
    open_to_all = plan and plan.state in (PlanState.PUBLISHED, PlanState.SUPERSEDED)
    if plan is None or not (tx.principal.reads_all or open_to_all):
        raise NotFound("plan.unknown", "方案不存在或无权查看")
    return plan

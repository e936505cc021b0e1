"""Ask for a plan or a rotation; a job solves it and keeps it as a draft with its reasons."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from services.allocation.domain.model import Enterprise, Plan, PlanState
from services.allocation.domain.planning import CityPlan, PlanRow, evenness_bp, solve_city
from services.allocation.domain.tasks import CityTask
from services.allocation.domain.tier_one import solve_tier_one
from services.allocation.store import inputs, lifecycle, plans
from services.allocation.store.campaigns import Campaign
from services.allocation.store.plans import StoredPlan
from services.allocation.usecases.finding import find_campaign, open_one
from shared.kernel.errors import BadInput, Conflict, NotFound, YinqiError
from shared.kernel.ids import derived_id, new_id
from shared.platform.database import Transaction
from shared.platform.jobs import Work, start_job

SOLVE = "plan.solve"
#: What tiers 1 and 2 are made of here; another tree is refused, not guessed at.
TREE = {1: "bureau", 2: "institution"}


@dataclass(frozen=True, slots=True)
class MakePlan:
    """Share the campaign's list out at a tier; the seed decides between equals (A4)."""

    campaign_id: UUID
    tier: int
    seed: int


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
    """Queue a plan of tier 1 or 2 (JS-06, JS-07).

    Raises: NotFound `campaign.unknown`; Conflict `campaign.enrolling`,
    `plan.tier_not_in_profile`, `plan.no_tier_one`, `plan.rotation_began`.
    """
    campaign = await open_one(tx, command.campaign_id)
    _check_tree(campaign, command.tier)
    base = None
    if command.tier == 2:
        base = await tier_one_of(tx, campaign.campaign_id)
        await check_not_rotated(tx, campaign.campaign_id)
    return await _start(
        tx, campaign.campaign_id, command.tier, command.seed, rests_on=base and base.plan_id
    )


def _check_tree(campaign: Campaign, tier: int) -> None:
    wanted = [one.to_node for one in campaign.profile.tiers if one.number == tier]
    if wanted != [TREE[tier]]:
        raise Conflict(
            "plan.tier_not_in_profile",
            "该活动方案没有这一层级的自动分配",
            f"方案 {campaign.profile.code} 第 {tier} 层:{'、'.join(wanted) or '无'}",
        )


async def tier_one_of(tx: Transaction, campaign_id: UUID) -> StoredPlan:
    """The tier-1 plan in force.

    Raises: Conflict `plan.no_tier_one`.
    """
    base = await plans.published(tx, campaign_id, 1)
    if base is None:
        raise Conflict(
            "plan.no_tier_one",
            "第一层分配尚未发布",
            "请先计算并发布第一层方案(省到分局),再计算第二层",
        )
    return base


async def check_not_rotated(tx: Transaction, campaign_id: UUID) -> None:
    """After a rotation a fresh sharing-out would undo it.

    Raises: Conflict `plan.rotation_began`.
    """
    current = await plans.published(tx, campaign_id, 2)
    if current and current.round > 1:
        raise Conflict("plan.rotation_began", "轮换已经开始", "不能再重新分配首轮;请使用轮换")


async def rotate(command: Rotate, tx: Transaction) -> Started:
    """Queue the next round: unmatched enterprises to a bank that has not had them (JS-19, A7).

    Raises: NotFound `campaign.unknown`; BadInput `rotation.in_future`,
    `rotation.too_early`; Conflict `campaign.enrolling`, `plan.no_tier_two`.
    """
    campaign = await open_one(tx, command.campaign_id)
    if command.rotated_on > tx.today:
        raise BadInput("rotation.in_future", "轮换日期不能在未来", f"今天是 {tx.today}")
    if command.rotated_on < campaign.dates.rotation_on:
        raise BadInput("rotation.too_early", "未到轮换日期", f"最早为 {campaign.dates.rotation_on}")
    current = await plans.published(tx, campaign.campaign_id, 2)
    if current is None:
        raise Conflict("plan.no_tier_two", "第二层分配尚未发布", "没有已分配的企业可以轮换")
    since = current.rotated_on or current.published_on
    if since and command.rotated_on < since:
        raise BadInput("rotation.too_early", "轮换日期早于上一次分配", f"上一次分配于 {since}")
    return await _start(
        tx,
        campaign.campaign_id,
        2,
        command.seed,
        rests_on=current.plan_id,
        round_no=current.round + 1,
        rotated_on=command.rotated_on,
    )


async def _start(
    tx: Transaction,
    campaign_id: UUID,
    tier: int,
    seed: int,
    *,
    rests_on: UUID | None,
    round_no: int = 1,
    rotated_on: date | None = None,
) -> Started:
    await find_campaign(tx, campaign_id, lock=True)  # versions are counted one at a time
    plan = Plan(new_id(), campaign_id, tier, 0, seed)
    job_id = await start_job(tx, SOLVE, {"plan_id": str(plan.plan_id)})
    version = await plans.add(
        tx, plan, job_id=job_id, round_no=round_no, rests_on=rests_on, rotated_on=rotated_on
    )
    tx.audit(
        "plan.requested",
        plan.plan_id,
        after={"tier": tier, "version": version, "round": round_no, "seed": seed},
    )
    return Started(plan.plan_id, job_id, version)


async def run_solving(work: Work) -> dict[str, Any]:
    """Solve a plan; begun again, it starts from what is known then."""
    plan_id = UUID(work.params["plan_id"])
    async with work.database.read() as tx:
        plan = await find_plan(tx, plan_id)
        campaign = await find_campaign(tx, plan.campaign_id)
    if plan.state is not PlanState.SOLVING:
        return {"plan_id": str(plan_id), "state": plan.state.value}
    try:
        solving = _Solving(work, campaign, plan)
        await (solving.tier_one() if plan.tier == 1 else solving.tier_two())
    except (YinqiError, ValueError) as error:
        code = error.code if isinstance(error, YinqiError) else "plan.not_solvable"
        async with work.transaction() as tx:
            await plans.set_failed(tx, plan_id, code, str(error))
        raise
    return {"plan_id": str(plan_id), "state": PlanState.DRAFT.value}


async def find_plan(tx: Transaction, plan_id: UUID, *, lock: bool = False) -> StoredPlan:
    """One plan the caller may see: drafts are for the regulators, published ones for all.

    Raises: NotFound `plan.unknown`.
    """
    plan = await plans.find(tx, plan_id, lock=lock)
    open_to_all = plan and plan.state in (PlanState.PUBLISHED, PlanState.SUPERSEDED)
    if plan is None or not (tx.principal.sees_all or open_to_all):
        raise NotFound("plan.unknown", "方案不存在或无权查看")
    return plan


def assignment_id_of(plan: StoredPlan, row: PlanRow) -> UUID | None:
    """The id of the assignment this row becomes; the same for every run of the plan."""
    target = row.institution_id or row.bureau_code
    if target is None:
        return None
    return derived_id(
        "assignment",
        plan.campaign_id,
        row.enterprise_id,
        plan.tier,
        plan.round,
        plan.version,
        target,
    )


class _Solving:
    """One plan's way from what is known to a stored draft."""

    def __init__(self, work: Work, campaign: Campaign, plan: StoredPlan) -> None:
        self._work = work
        self._campaign = campaign
        self._plan = plan
        self._profile = campaign.profile

    async def tier_one(self) -> None:
        """Sort the list by bureau (JS-06)."""
        async with self._work.database.read() as tx:
            listed = await inputs.enterprises(tx, self._campaign, tx.today)
            outlets = await inputs.outlets(tx, self._profile.scope.province_code)
            types = await inputs.types(tx)
        _require_banks(len(outlets))
        solved = await asyncio.to_thread(
            solve_tier_one,
            listed,
            outlets,
            types,
            direct_city_code=self._profile.direct_city_code,
            rules=self._profile.capacity,
            seed=self._plan.seed,
        )
        regions = {one.enterprise_id: one.county_code for one in listed}
        async with self._work.transaction() as tx:
            await plans.clear(tx, self._plan.plan_id)
            await self._add_rows(tx, solved.rows, regions)
            await plans.add_loads(tx, self._plan.plan_id, solved.load)
            await plans.set_draft(
                tx,
                self._plan.plan_id,
                solved.rows,
                exhausted=0,
                gini_bp=evenness_bp(solved.load),
            )

    async def tier_two(self) -> None:
        """Share each city's enterprises out among its institutions (JS-07), or rotate (JS-19)."""
        tasks, regions = await self._tasks()
        solved: list[CityPlan] = []
        total = sum(len(task.enterprises) for task in tasks)
        done = 0
        for task in tasks:
            await self._work.progress(0.9 * done / max(total, 1), f"正在计算 {task.city_code}")
            solved.append(await asyncio.to_thread(solve_city, task))
            done += len(task.enterprises)
        await self._work.progress(0.9, "正在保存方案")
        await self._keep(tasks, solved, regions)

    async def _tasks(self) -> tuple[list[CityTask], dict[UUID, str]]:
        plan, profile = self._plan, self._profile
        async with self._work.database.read() as tx:
            base = await tier_one_of(tx, plan.campaign_id)
            listed = await inputs.enterprises(tx, self._campaign, tx.today)
            outlets = await inputs.outlets(tx, profile.scope.province_code)
            types = await inputs.types(tx)
            city_of = await inputs.cities(tx, base.plan_id)
            currents = await inputs.currents(tx, self._campaign, tx.today, profile.matched)
            past = await inputs.histories(tx, plan.campaign_id) if plan.rotated_on else {}
            returned = await lifecycle.returned(tx, plan.campaign_id)
            declared = await lifecycle.capacities(tx, plan.campaign_id)
            fixed = frozenset[UUID]()
            if plan.rotated_on:
                listed, fixed = await self._rotating(tx, listed, past, plan.rotated_on)
            else:
                listed = [
                    replace(one, previous_ids=returned.get(one.enterprise_id, ())) for one in listed
                ]
        _require_banks(len(outlets))
        tasks = [
            CityTask(
                city_code=city,
                seed=plan.seed,
                enterprises=here,
                outlets=tuple(one for one in outlets if one.city_code == city),
                types=types,
                capacity=profile.capacity,
                weights=profile.cost,
                bands=profile.fairness,
                rotation=profile.rotation if plan.rotated_on else None,
                declared={
                    one.institution_id: one.capacity for one in declared if one.city_code == city
                },
                current=_held(here, currents),
                fixed=fixed & {one.enterprise_id for one in here},
                past=Counter(
                    bank
                    for one in here
                    for bank in past.get(one.enterprise_id, ())
                    if one.enterprise_id not in fixed
                ),
            )
            for city, here in inputs.by_city(listed, city_of).items()
        ]
        return tasks, {one.enterprise_id: one.county_code for one in listed}

    async def _rotating(
        self,
        tx: Transaction,
        listed: Sequence[Enterprise],
        past: dict[UUID, tuple[UUID, ...]],
        day: date,
    ) -> tuple[list[Enterprise], frozenset[UUID]]:
        """Those who take part with their past banks; and who of them keeps the bank it has.

        The matched stay, and so do those that have had all their rounds.
        """
        rule = self._profile.matched
        currents = await inputs.currents(tx, self._campaign, day, rule)
        matched = {one for one, current in currents.items() if current.matched}
        if rule.at == "any_institution":
            matched |= await inputs.matched_at_all(tx, self._campaign, day, rule)
        most = self._profile.rotation.max_rounds
        done = {one for one, banks in past.items() if len(banks) >= most}
        fixed = frozenset((matched | done) & currents.keys())
        return [
            one
            if one.enterprise_id in matched
            else replace(one, previous_ids=past.get(one.enterprise_id, ()))
            for one in listed
            if one.enterprise_id not in matched or one.enterprise_id in fixed
        ], fixed

    async def _keep(
        self, tasks: list[CityTask], solved: list[CityPlan], regions: dict[UUID, str]
    ) -> None:
        rows = [row for city in solved for row in city.rows]
        loads = [load for city in solved for load in city.load]
        async with self._work.transaction() as tx:
            await plans.clear(tx, self._plan.plan_id)
            await self._add_rows(tx, rows, regions)
            await plans.add_loads(tx, self._plan.plan_id, loads)
            for task, city in zip(tasks, solved, strict=True):
                await plans.add_city(tx, self._plan.plan_id, task, city)
            await plans.set_draft(
                tx,
                self._plan.plan_id,
                rows,
                exhausted=sum(city.exhausted for city in solved),
                gini_bp=evenness_bp(loads),
            )

    async def _add_rows(
        self, tx: Transaction, rows: Sequence[PlanRow], regions: dict[UUID, str]
    ) -> None:
        keyed = (
            (row, assignment_id_of(self._plan, row), regions[row.enterprise_id]) for row in rows
        )
        await plans.add_rows(tx, self._plan.plan_id, keyed)


def _held(here: Sequence[Enterprise], currents: dict[UUID, inputs.Current]) -> dict[UUID, UUID]:
    """Who has each of these now."""
    return {
        one.enterprise_id: currents[one.enterprise_id].institution_id
        for one in here
        if one.enterprise_id in currents
    }


def _require_banks(outlets: int) -> None:
    if not outlets:
        raise Conflict(
            "plan.no_outlets", "没有可用的银行网点", "请先导入机构和网点,完成后约一秒再试"
        )

"""The job that solves a plan: from what is known to a stored draft with reasons and proof."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.allocation.domain.model import Enterprise, NodeKind, Outlet, PlanState, branch_id
from services.allocation.domain.planning import CityPlan, PlanRow, evenness_bp
from services.allocation.domain.publishing import Task
from services.allocation.domain.tasks import CityTask
from services.allocation.domain.tier_one import BureauTask
from services.allocation.domain.tree import Step
from services.allocation.store import inputs, lifecycle, parts, plans
from services.allocation.store.campaigns import Campaign
from services.allocation.store.lifecycle import SetCapacity
from services.allocation.store.plans import StoredPlan
from services.allocation.usecases.apart import solver
from services.allocation.usecases.finding import find_campaign
from services.allocation.usecases.planning import base_of, find_plan, step_of
from shared.kernel.errors import Conflict, YinqiError
from shared.kernel.ids import derived_id
from shared.platform.database import Transaction
from shared.platform.jobs import Work

Group = tuple[str, UUID | None]


async def run_solving(work: Work) -> dict[str, Any]:
    """Solve a plan; begun again, it starts from what is known then."""
    plan_id = UUID(work.params["plan_id"])
    async with work.database.read() as tx:
        plan = await find_plan(tx, plan_id)
        campaign = await find_campaign(tx, plan.campaign_id)
    if plan.state is not PlanState.SOLVING:
        return {"plan_id": str(plan_id), "state": plan.state.value}
    try:
        async with work.database.read() as tx:
            known = await _known(tx, campaign, plan)
        await _keep(work, plan, known, await _solve_all(work, plan, known))
    except (YinqiError, ValueError) as error:
        code = error.code if isinstance(error, YinqiError) else "plan.not_solvable"
        async with work.transaction() as tx:
            await plans.set_failed(tx, plan_id, code, str(error))
        raise
    return {"plan_id": str(plan_id), "state": PlanState.DRAFT.value}


def assignment_id_of(plan: StoredPlan, row: PlanRow) -> UUID | None:
    """The id of the assignment this row becomes; the same for every run of the plan."""
    target = row.node_id or row.bureau_code
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


@dataclass(frozen=True, slots=True)
class _Known:
    """What a plan is made from: a task for each group, and the county of each enterprise."""

    tasks: tuple[Task, ...]
    counties: dict[UUID, str]


async def _known(tx: Transaction, campaign: Campaign, plan: StoredPlan) -> _Known:
    profile, step = campaign.profile, step_of(campaign, plan.tier)
    listed = await inputs.enterprises(tx, campaign, tx.today)
    counties = {one.enterprise_id: one.county_code for one in listed}
    outlets = await inputs.outlets(tx, profile.scope.province_code)
    if campaign.institution_id is not None:
        outlets = [one for one in outlets if one.institution_id == campaign.institution_id]
    if not outlets:
        raise Conflict(
            "plan.no_outlets", "没有可用的银行网点", "请先导入机构和网点,完成后约一秒再试"
        )
    types = await inputs.types(tx)
    declared = await lifecycle.capacities(tx, plan.campaign_id)
    tasks = _Tasks(campaign, plan, step, outlets, _by_reach(step, outlets), types, declared)
    if step.to is NodeKind.BUREAU:
        return _Known((tasks.bureaus(listed),), counties)
    return _Known(tuple(await tasks.made(tx, listed)), counties)


def _by_reach(step: Step, outlets: Sequence[Outlet]) -> Mapping[Group, Sequence[Outlet]]:
    found: defaultdict[Group, list[Outlet]] = defaultdict(list)
    for one in outlets:
        found[_reach(step, one.city_code, one.institution_id)].append(one)
    return found


def _reach(step: Step, city: str, bank: UUID | None) -> Group:
    """Which outlets are a group's: the city's, those of a bank, or of a bank in the city."""
    return ("" if step.to is NodeKind.BRANCH else city), (bank if step.within else None)


@dataclass(frozen=True, slots=True)
class _Tasks:
    """Makes the tasks of a tier from what is known."""

    campaign: Campaign
    plan: StoredPlan
    step: Step
    outlets: Sequence[Outlet]
    within_reach: Mapping[Group, Sequence[Outlet]]
    types: dict[UUID, str]
    declared: Sequence[SetCapacity]

    def bureaus(self, listed: Sequence[Enterprise]) -> BureauTask:
        """The list by bureau (JS-06)."""
        profile = self.campaign.profile
        by_city: defaultdict[str, dict[UUID, int]] = defaultdict(dict)
        for one in self.declared:
            by_city[one.city_code][one.institution_id] = one.capacity
        return BureauTask(
            profile.scope.province_code,
            self.plan.seed,
            tuple(listed),
            tuple(self.outlets),
            self.types,
            profile.capacity,
            profile.tree.direct_city_code,
            dict(by_city),
        )

    async def made(self, tx: Transaction, listed: Sequence[Enterprise]) -> list[CityTask]:
        """Each group's enterprises among its receivers (JS-07), or a rotation (JS-19)."""
        plan, matched = self.plan, self.campaign.profile.matched
        group_of, day = await self._groups(tx, listed), plan.rotated_on or tx.today
        currents = await inputs.currents(tx, self.campaign, plan.tier, day, matched)
        past = await inputs.histories(tx, plan.campaign_id) if plan.rotated_on else {}
        fixed = frozenset[UUID]()
        if plan.rotated_on:
            listed, fixed = await self._rotating(tx, listed, currents, past)
        elif self.step.duty:
            back = await lifecycle.returned(tx, plan.campaign_id)
            listed = [replace(one, previous_ids=back.get(one.enterprise_id, ())) for one in listed]
        groups: defaultdict[Group, list[Enterprise]] = defaultdict(list)
        for one in listed:
            if one.enterprise_id in group_of:
                groups[group_of[one.enterprise_id]].append(one)
        return [
            self._task(group, groups[group], currents, past, fixed)
            for group in sorted(groups, key=lambda one: (one[0], str(one[1])))
        ]

    async def _groups(self, tx: Transaction, listed: Sequence[Enterprise]) -> dict[UUID, Group]:
        """What each enterprise is shared out together with: a city's list, or a bank's."""
        step, campaign = self.step, self.campaign
        own = {one.enterprise_id: one.city_code for one in listed}
        base = await base_of(tx, campaign, step)
        if not step.within:
            city_of = await inputs.cities(tx, base.plan_id) if base else own
            return {one: (city, None) for one, city in city_of.items()}
        if base is None:
            held = {one: inputs.Holder(_root(campaign), city) for one, city in own.items()}
        else:
            held = await inputs.holders(tx, campaign.campaign_id, base.tier)
        province = campaign.profile.scope.province_code
        if step.to is NodeKind.BRANCH:
            return {one: (province, holder.institution_id) for one, holder in held.items()}
        return {
            one: (holder.city_code or province, holder.institution_id)
            for one, holder in held.items()
        }

    def _task(
        self, group: Group, here: Sequence[Enterprise], currents: dict[UUID, inputs.Current],
        past: dict[UUID, tuple[UUID, ...]], fixed: frozenset[UUID],
    ) -> CityTask:  # fmt: skip
        (city, bank), plan, profile = group, self.plan, self.campaign.profile
        return CityTask(
            city_code=city,
            seed=plan.seed,
            enterprises=tuple(here),
            outlets=tuple(self.within_reach.get(_reach(self.step, city, bank), ())),
            types=self.types,
            capacity=profile.capacity,
            weights=profile.cost,
            bands=profile.fairness,
            rotation=profile.rotation if plan.rotated_on else None,
            declared=self._set_for(city, bank),
            current={
                one.enterprise_id: currents[one.enterprise_id].node_id
                for one in here
                if one.enterprise_id in currents
            },
            fixed=fixed & {one.enterprise_id for one in here},
            past=Counter(
                node
                for one in here
                for node in past.get(one.enterprise_id, ())
                if one.enterprise_id not in fixed
            ),
            to=self.step.to,
            institution_id=bank,
            form=plan.form,
        )

    def _set_for(self, city: str, bank: UUID | None) -> dict[UUID, int]:
        """The capacities that were set, by node: for institutions and branches."""
        if self.step.to is NodeKind.BRANCH:
            return {
                branch_id(one.institution_id, one.city_code): one.capacity
                for one in self.declared
                if one.institution_id == bank
            }
        if self.step.to is NodeKind.OUTLET:
            return {}
        return {one.institution_id: one.capacity for one in self.declared if one.city_code == city}

    async def _rotating(
        self,
        tx: Transaction,
        listed: Sequence[Enterprise],
        currents: dict[UUID, inputs.Current],
        past: dict[UUID, tuple[UUID, ...]],
    ) -> tuple[list[Enterprise], frozenset[UUID]]:
        """Those who take part with their past banks; and who of them keeps the bank it has.

        The matched stay, and so do those that have had all their rounds.
        """
        rule, day = self.campaign.profile.matched, self.plan.rotated_on or tx.today
        matched = {one for one, current in currents.items() if current.matched}
        if rule.at == "any_institution":
            matched |= await inputs.matched_at_all(tx, self.campaign, day, rule)
        most = self.campaign.profile.rotation.max_rounds
        done = {one for one, banks in past.items() if len(banks) >= most}
        fixed = frozenset((matched | done) & currents.keys())
        return [
            one
            if one.enterprise_id in matched
            else replace(one, previous_ids=past.get(one.enterprise_id, ()))
            for one in listed
            if one.enterprise_id not in matched or one.enterprise_id in fixed
        ], fixed


def _root(campaign: Campaign) -> UUID:
    assert campaign.institution_id is not None  # a tree that begins at a bank is opened with it
    return campaign.institution_id


async def _solve_all(work: Work, plan: StoredPlan, known: _Known) -> list[CityPlan]:
    solved: list[CityPlan] = []
    total = max(sum(len(task.enterprises) for task in known.tasks), 1)
    done, told = 0, -1
    async with solver(plan.form) as solving:
        for task in known.tasks:
            if (percent := 90 * done // total) > told:  # thousands of groups, a hundred tellings
                await work.progress(percent / 100, f"正在计算 {_place(task)}")
                told = percent
            solved.append(await solving(task))
            done += len(task.enterprises)
    await work.progress(0.9, "正在保存方案")
    return solved


def _place(task: Task) -> str:
    return task.province_code if isinstance(task, BureauTask) else task.city_code


async def _keep(work: Work, plan: StoredPlan, known: _Known, solved: list[CityPlan]) -> None:
    rows = [row for part in solved for row in part.rows]
    loads = [load for part in solved for load in part.load]
    keyed = ((row, assignment_id_of(plan, row), known.counties[row.enterprise_id]) for row in rows)
    async with work.transaction() as tx:
        await parts.clear(tx, plan.plan_id)
        await parts.add_rows(tx, plan.plan_id, keyed)
        await parts.add_loads(tx, plan.plan_id, loads)
        for task, part in zip(known.tasks, solved, strict=True):
            await parts.add_city(tx, plan.plan_id, task, part)
        await plans.set_draft(
            tx,
            plan.plan_id,
            rows,
            direct=sum(part.direct for part in solved),
            exhausted=sum(part.exhausted for part in solved),
            gini_bp=evenness_bp(loads),
        )

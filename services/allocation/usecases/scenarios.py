"""Named what-ifs on the plan in force: compared with it, kept, never published (A5, U9)."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from uuid import UUID

from services.allocation.domain.engine.comparing import PriceOfPolicy
from services.allocation.domain.scenarios import (
    Changes,
    LiveCity,
    Move,
    Outcome,
    compare,
    live_city,
    policy_prices,
)
from services.allocation.domain.tasks import CityTask
from services.allocation.store import parts, scenarios
from services.allocation.store.parts import StoredPart
from services.allocation.store.scenarios import Scenario, scenario_of
from services.allocation.usecases.finding import find_campaign
from services.allocation.usecases.planning import in_force
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.ids import new_id
from shared.platform.database import Database, Transaction
from shared.platform.principal import Principal

MOST_CITIES_KEPT = 64


@dataclass(frozen=True, slots=True)
class TryOut:
    """Try other weights, bands or capacities on one city, or on all of the campaign's.

    The name is for what is kept.
    """

    campaign_id: UUID
    city_code: str | None
    changes: Changes
    name: str = ""


class _Kept:
    """Cities of plans as arrays, the last ones asked for: a solved plan never changes."""

    def __init__(self) -> None:
        self._cities: OrderedDict[tuple[UUID, str], LiveCity] = OrderedDict()

    def get(self, plan_id: UUID, city_code: str) -> LiveCity | None:
        """A city that is kept."""
        found = self._cities.get((plan_id, city_code))
        if found:
            self._cities.move_to_end((plan_id, city_code))
        return found

    def put(self, plan_id: UUID, city: LiveCity) -> None:
        """Keep a city, and forget the one that was not asked for the longest."""
        self._cities[plan_id, city.problem.city.code] = city
        while len(self._cities) > MOST_CITIES_KEPT:
            self._cities.popitem(last=False)


_KEPT = _Kept()


@dataclass(frozen=True, slots=True)
class Tried:
    """A what-if that is solved but not kept yet."""

    command: TryOut
    plan_id: UUID
    outcome: Outcome


async def try_out(database: Database, caller: Principal, command: TryOut) -> Tried:
    """Solve a scenario beside the plan in force; nothing of the live plan is touched.

    To a bureau all cities are its own one.
    Raises: NotFound `campaign.unknown`, `plan.city_unknown`; Conflict `plan.none_in_force`,
    `scenario.joint_plan`.
    """
    if command.city_code is None and (prefix := caller.city_prefix()):
        command = replace(command, city_code=f"{prefix}00")
    plan_id, cities = await _live(database, caller, command.campaign_id, command.city_code)
    return Tried(command, plan_id, await asyncio.to_thread(compare, cities, command.changes))


async def keep(tried: Tried, tx: Transaction) -> Scenario:
    """Keep a scenario under its name.

    Raises: Conflict `scenario.exists`.
    """
    command = tried.command
    scenario = scenario_of(
        tried.outcome,
        scenario_id=new_id(),
        campaign_id=command.campaign_id,
        plan_id=tried.plan_id,
        name=command.name,
        city_code=command.city_code,
        changes=command.changes,
        created_at=tx.now,
    )
    if not await scenarios.add(tx, scenario, tried.outcome.moves):
        raise Conflict("scenario.exists", "已有同名的测算方案", "请换一个名称,或先删除旧的")
    return scenario


async def _live(
    database: Database, caller: Principal, campaign_id: UUID, city_code: str | None
) -> tuple[UUID, list[LiveCity]]:
    async with database.read(caller) as tx:
        plan = await in_force(tx, await find_campaign(tx, campaign_id))
        if plan is None:
            raise Conflict("plan.none_in_force", "尚无生效的分配方案", "发布后才能与现行方案比较")
        if (
            plan.form == "joint"
        ):  # a what-if knows no outlets' limits: it would compare two problems
            raise Conflict(
                "scenario.joint_plan",
                "现行方案按网点名额联合计算,不能测算",
                "测算只比较按机构计算的方案;请重新计算一份联合方案进行比较",
            )
        codes = [one.city_code for one in await parts.cities_of_plan(tx, plan.plan_id)]
        prefix = caller.city_prefix()
        wanted = [
            one
            for one in codes
            if one.startswith(prefix) and (city_code is None or one == city_code)
        ]
        if not wanted:
            raise NotFound("plan.city_unknown", "方案中没有该城市")
        missing = [one for one in wanted if _KEPT.get(plan.plan_id, one) is None]
        stored = await parts.parts_of_plan(tx, plan.plan_id, missing) if missing else []
    for city in await asyncio.to_thread(_as_arrays, stored):
        _KEPT.put(plan.plan_id, city)
    return plan.plan_id, [one for code in wanted if (one := _KEPT.get(plan.plan_id, code))]


def _as_arrays(stored: list[StoredPart]) -> list[LiveCity]:
    return [live_city(one.task, one.rows) for one in stored if isinstance(one.task, CityTask)]


async def find_scenario(tx: Transaction, scenario_id: UUID) -> Scenario:
    """One scenario; a bureau sees those of its own city.

    Raises: NotFound `scenario.unknown`.
    """
    found = await scenarios.find(tx, scenario_id)
    if found is None or not _may_see(tx.principal, found):
        raise NotFound("scenario.unknown", "没有这个测算方案")
    return found


def _may_see(caller: Principal, scenario: Scenario) -> bool:
    prefix = caller.city_prefix()
    return caller.sees_all or bool(prefix and (scenario.city_code or "").startswith(prefix))


async def list_scenarios(tx: Transaction, campaign_id: UUID) -> list[Scenario]:
    """A campaign's scenarios the caller may see, newest first."""
    found = await scenarios.of_campaign(tx, campaign_id)
    return [one for one in found if _may_see(tx.principal, one)]


async def list_moves(tx: Transaction, scenario_id: UUID) -> list[Move]:
    """Whom a scenario would move, by city and enterprise.

    Raises: NotFound `scenario.unknown`.
    """
    await find_scenario(tx, scenario_id)
    return await scenarios.moves_of(tx, scenario_id)


async def price_policies(
    database: Database, caller: Principal, scenario_id: UUID
) -> tuple[PriceOfPolicy, ...]:
    """What each part of a scenario's policy costs.

    Raises: NotFound `scenario.unknown`, `plan.city_unknown`; Conflict `plan.none_in_force`,
    `scenario.joint_plan`.
    """
    async with database.read(caller) as tx:
        scenario = await find_scenario(tx, scenario_id)
    _, cities = await _live(database, caller, scenario.campaign_id, scenario.city_code)
    return await asyncio.to_thread(policy_prices, cities, scenario.changes)


async def drop_scenario(scenario_id: UUID, tx: Transaction) -> dict[str, str]:
    """Forget a scenario.

    Raises: NotFound `scenario.unknown`.
    """
    await find_scenario(tx, scenario_id)
    await scenarios.drop(tx, scenario_id)
    return {"scenario_id": str(scenario_id)}

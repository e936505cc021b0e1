"""Scenarios: what was changed, what came of it, and whom it would move."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.allocation.domain.scenarios import Changes, Move, Outcome, ScenarioLoad, measures_of
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A named what-if on the plan in force; measures by name."""

    scenario_id: UUID
    campaign_id: UUID
    plan_id: UUID
    name: str
    city_code: str | None
    changes: Changes
    now: dict[str, int]
    then: dict[str, int]
    load: tuple[ScenarioLoad, ...]
    moved: int
    created_at: datetime


_COLUMNS = (
    "scenario_id, campaign_id, plan_id, name, city_code, changes, now, then_, load, moved,"
    " created_at"
)


async def add(tx: Transaction, scenario: Scenario, moves: Sequence[Move]) -> bool:
    """Keep a scenario with its moves; False where the campaign has one of that name."""
    driver = await tx.driver()
    encode = msgspec.json.encode
    return bool(
        await driver.fetchval(
            f"insert into scenario ({_COLUMNS}, moves, created_by)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
            " on conflict (campaign_id, name) do nothing returning true",
            scenario.scenario_id,
            scenario.campaign_id,
            scenario.plan_id,
            scenario.name,
            scenario.city_code,
            encode(scenario.changes).decode(),
            encode(scenario.now).decode(),
            encode(scenario.then).decode(),
            encode(scenario.load).decode(),
            scenario.moved,
            tx.now,
            zlib.compress(msgspec.msgpack.encode(moves), 1),
            tx.principal.account_id,
        )
    )


async def of_campaign(tx: Transaction, campaign_id: UUID) -> list[Scenario]:
    """A campaign's scenarios, newest first."""
    driver = await tx.driver()
    rows = await driver.fetch(
        f"select {_COLUMNS} from scenario where campaign_id = $1"
        " order by created_at desc limit 200",
        campaign_id,
    )
    return [_scenario(row) for row in rows]


async def find(tx: Transaction, scenario_id: UUID) -> Scenario | None:
    """One scenario."""
    driver = await tx.driver()
    row = await driver.fetchrow(
        f"select {_COLUMNS} from scenario where scenario_id = $1", scenario_id
    )
    return _scenario(row) if row else None


async def moves_of(tx: Transaction, scenario_id: UUID) -> list[Move]:
    """Whom a scenario would move."""
    driver = await tx.driver()
    raw: Any = await driver.fetchval(
        "select moves from scenario where scenario_id = $1", scenario_id
    )
    return msgspec.msgpack.decode(zlib.decompress(raw), type=list[Move]) if raw else []


async def drop(tx: Transaction, scenario_id: UUID) -> bool:
    """Forget a scenario; False where there is none."""
    driver = await tx.driver()
    status = await driver.execute("delete from scenario where scenario_id = $1", scenario_id)
    return status != "DELETE 0"


def scenario_of(outcome: Outcome, **fields: Any) -> Scenario:
    """A scenario from what came of it."""
    return Scenario(
        now=measures_of(outcome.now),
        then=measures_of(outcome.then),
        load=outcome.load,
        moved=len(outcome.moves),
        **fields,
    )


def _scenario(row: Any) -> Scenario:
    def read(name: str, kind: Any) -> Any:
        value = row[name]
        raw = msgspec.json.decode(value) if isinstance(value, str | bytes) else value
        return msgspec.convert(raw, kind, strict=False)

    return Scenario(
        scenario_id=row["scenario_id"],
        campaign_id=row["campaign_id"],
        plan_id=row["plan_id"],
        name=row["name"],
        city_code=row["city_code"],
        changes=read("changes", Changes),
        now=read("now", dict[str, int]),
        then=read("then_", dict[str, int]),
        load=read("load", tuple[ScenarioLoad, ...]),
        moved=row["moved"],
        created_at=row["created_at"],
    )

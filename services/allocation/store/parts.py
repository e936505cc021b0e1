"""The parts of a plan: its rows with reasons, its load, and what they were computed from."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from services.allocation.domain.planning import CityPlan, LoadRow, PlanRow, Shortage
from services.allocation.domain.publishing import Stored, Task
from services.allocation.domain.tasks import CityTask
from services.allocation.domain.tier_one import BureauTask
from shared.platform.bulk import insert_rows
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class CityRow:
    """What is kept of a group's solution: its size, its proof, its digest.

    A city's, or where `institution_id` is set a bank's.
    """

    city_code: str
    institution_id: UUID | None
    listed: int
    exhausted: int
    longest_m: int
    violations: int
    digest: str
    cost: str
    bound: str


@dataclass(frozen=True, slots=True)
class RowOfPlan:
    """One enterprise in a plan, with its county on the day of solving and its reason."""

    enterprise_id: UUID
    region_code: str
    city_code: str
    node_kind: str
    bureau_code: str | None
    institution_id: UUID | None
    node_city: str | None
    outlet_id: UUID | None
    nearest_outlet_id: UUID | None
    distance_m: int | None
    reason: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A group as it was solved: the task, where each enterprise goes, the prices, the bound."""

    task: Task
    rows: Mapping[UUID, Stored]
    prices: dict[UUID, tuple[int, int]]
    bound: str


async def clear(tx: Transaction, plan_id: UUID) -> None:
    """Throw away what an interrupted solving left."""
    driver = await tx.driver()
    for table in ("plan_row", "plan_load", "plan_shortage", "plan_city"):
        await driver.execute(f"delete from {table} where plan_id = $1", plan_id)


async def add_rows(
    tx: Transaction,
    plan_id: UUID,
    rows: Iterable[tuple[PlanRow, UUID | None, str]],
) -> None:
    """Write rows, each with its assignment id (None: no target) and its county.

    The rows are made as they are sent, so that the process goes on with other work in between.
    """
    encode = msgspec.json.Encoder().encode
    driver = await tx.driver()
    await insert_rows(
        driver,
        "plan_row",
        rows=(
            (plan_id, row.enterprise_id, assignment_id, region, row.city_code, row.node_kind,
             row.bureau_code, row.institution_id, row.node_city, row.outlet_id, row.node_id,
             row.nearest_outlet_id, row.distance_m, encode(row.reason).decode())
            for row, assignment_id, region in rows
        ),
        columns=["plan_id", "enterprise_id", "assignment_id", "region_code", "city_code",
                 "node_kind", "bureau_code", "institution_id", "node_city", "outlet_id", "node_id",
                 "nearest_outlet_id", "distance_m", "reason"],
    )  # fmt: skip


async def add_loads(tx: Transaction, plan_id: UUID, loads: Iterable[LoadRow]) -> None:
    """Write the load report."""
    names = LoadRow.__slots__
    driver = await tx.driver()
    await insert_rows(
        driver,
        "plan_load",
        rows=[(plan_id, *(getattr(load, name) for name in names)) for load in loads],
        columns=["plan_id", *names],
    )


async def add_city(tx: Transaction, plan_id: UUID, task: Task, solved: CityPlan) -> None:
    """Keep what a group was computed from, its proof and its shortages, for anyone to replay."""
    driver = await tx.driver()
    await driver.execute(
        "insert into plan_city (plan_id, city_code, listed, exhausted, longest_m, violations,"
        " digest, task, cost, bound, prices, institution_id)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        plan_id,
        solved.city_code,
        len(solved.rows),
        solved.exhausted,
        solved.longest_m,
        solved.violations,
        solved.digest,
        zlib.compress(msgspec.msgpack.encode(task), 1),
        str(solved.cost),
        str(solved.bound),
        msgspec.json.encode(solved.prices).decode(),
        solved.institution_id,
    )
    await insert_rows(
        driver,
        "plan_shortage",
        rows=[
            (plan_id, solved.city_code, one.slots, one.short, list(one.node_ids),
             list(one.enterprise_ids))
            for one in solved.shortages
        ],
        columns=["plan_id", "city_code", "slots", "short", "institution_ids", "enterprise_ids"],
    )  # fmt: skip


async def part_of_plan(
    tx: Transaction, plan_id: UUID, city: str, institution_id: UUID | None
) -> tuple[CityRow, Task] | None:
    """A group's solution and the task it came from."""
    driver = await tx.driver()
    row = await driver.fetchrow(
        "select * from plan_city where plan_id = $1 and city_code = $2"
        " and institution_id is not distinct from $3",
        plan_id,
        city,
        institution_id,
    )
    return (_city(row), _task(row["task"])) if row else None


async def parts_of_plan(
    tx: Transaction, plan_id: UUID, only: Sequence[str] | None = None
) -> list[StoredPart]:
    """Everything stored of a plan's groups: what they were solved from, who got whom, prices."""
    driver = await tx.driver()
    parts = await driver.fetch(
        "select task, prices, bound from plan_city where plan_id = $1"
        " and ($2::text[] is null or city_code = any($2)) order by city_code, institution_id",
        plan_id,
        only,
    )
    rows = await driver.fetch(
        "select enterprise_id, node_id, bureau_code, distance_m, nearest_outlet_id from plan_row"
        " where plan_id = $1 and ($2::text[] is null or city_code = any($2))",
        plan_id,
        only,
    )
    held: dict[UUID, Stored] = {row[0]: (row[1] or row[2], row[3], row[4]) for row in rows}
    return [
        StoredPart(
            _task(part["task"]),
            held,
            msgspec.convert(_decoded(part["prices"]), dict[UUID, tuple[int, int]], strict=False),
            part["bound"],
        )
        for part in parts
    ]


class _Head(msgspec.Struct):
    """What tells a task of bureaus from the others; all else is passed over."""

    province_code: str | None = None


def _task(raw: bytes) -> Task:
    packed = zlib.decompress(raw)
    kind = BureauTask if msgspec.msgpack.decode(packed, type=_Head).province_code else CityTask
    return msgspec.msgpack.decode(packed, type=kind)


async def cities_of_plan(tx: Transaction, plan_id: UUID) -> list[CityRow]:
    """The cities of a plan, without their tasks."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select city_code, institution_id, listed, exhausted, longest_m, violations, digest, cost,"
        " bound from plan_city where plan_id = $1 order by city_code, institution_id",
        plan_id,
    )
    return [_city(row) for row in rows]


def _city(row: Any) -> CityRow:
    return CityRow(**{name: row[name] for name in CityRow.__slots__})


async def loads_of(tx: Transaction, plan_id: UUID) -> list[LoadRow]:
    """The load report of a plan."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select * from plan_load where plan_id = $1"
        " order by city_code, bureau_code, institution_id, outlet_id",
        plan_id,
    )
    return [LoadRow(**{name: row[name] for name in LoadRow.__slots__}) for row in rows]


async def shortages_of(tx: Transaction, plan_id: UUID) -> list[tuple[str, Shortage]]:
    """Why some have no place: closed sets of full nodes, by city."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select * from plan_shortage where plan_id = $1 order by city_code, short desc", plan_id
    )
    return [
        (
            row["city_code"],
            Shortage(
                tuple(row["institution_ids"]),
                row["slots"],
                tuple(row["enterprise_ids"]),
                row["short"],
            ),
        )
        for row in rows
    ]


async def rows_of(
    tx: Transaction,
    plan_id: UUID,
    *,
    institution_id: UUID | None = None,
    region: str | None = None,
    enterprise_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> list[RowOfPlan]:
    """One more than `limit` of the rows of a plan that the caller may see, by enterprise."""
    conditions = Conditions()
    conditions.add("r.plan_id = {}", plan_id)
    conditions.add_region_or_institution(tx.principal, "r")
    conditions.add_given("r.institution_id = {}", institution_id)
    conditions.add_given("r.enterprise_id = {}", enterprise_id)
    conditions.add_given("r.enterprise_id > {}", after)
    conditions.add_given("r.region_code like {}", region_pattern(region))
    driver = await tx.driver()
    rows = await driver.fetch(
        "select r.enterprise_id, r.region_code, r.city_code, r.node_kind, r.bureau_code,"
        " r.institution_id, r.node_city, r.outlet_id, r.nearest_outlet_id, r.distance_m, r.reason"
        " from plan_row r"
        f"{conditions.sql} order by r.enterprise_id limit {conditions.bind(limit + 1)}",
        *conditions.values,
    )
    return [_row(row) for row in rows]


def _row(row: Any) -> RowOfPlan:
    fields: dict[str, Any] = dict(row) | {"reason": _decoded(row["reason"])}
    return RowOfPlan(**fields)


def _decoded(value: Any) -> dict[str, Any]:
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


def region_pattern(region: str | None) -> str | None:
    """What a county, a city or a province stands for in a `like`."""
    if region is None:
        return None
    if region.endswith("0000"):
        return f"{region[:2]}%"
    return f"{region[:4]}%" if region.endswith("00") else region

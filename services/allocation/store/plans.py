"""Plans, their rows with reasons, their load, and what they were computed from."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from services.allocation.domain.model import Plan, PlanState
from services.allocation.domain.planning import CityPlan, LoadRow, PlanRow, Shortage
from services.allocation.domain.tasks import CityTask
from shared.platform.bulk import insert_rows
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan as its readers and its publication see it; counts are None until it is solved."""

    plan_id: UUID
    campaign_id: UUID
    tier: int
    version: int
    round: int
    seed: int
    state: PlanState
    rests_on: UUID | None
    rotated_on: date | None
    solved_on: date | None
    job_id: UUID
    publication_job_id: UUID | None
    progress: float
    stage: str
    publishing: bool
    assigned: int | None
    unassigned: int | None
    exhausted: int | None
    moved: int | None
    gini_bp: int | None
    failure_code: str | None
    failure: str | None
    created_by: UUID | None
    created_at: datetime
    checked_by: UUID | None
    checked_at: datetime | None
    published_at: datetime | None
    published_on: date | None
    superseded_by: UUID | None

    @property
    def rule(self) -> Plan:
        """The plan as the rules of its life know it."""
        return Plan(
            self.plan_id,
            self.campaign_id,
            self.tier,
            self.version,
            self.seed,
            self.state,
            self.published_at,
            self.superseded_by,
            made_by=self.created_by,
        )


@dataclass(frozen=True, slots=True)
class CityRow:
    """What is kept of a city's solution: its size, its proof, its digest."""

    city_code: str
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
    nearest_outlet_id: UUID | None
    distance_m: int | None
    reason: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredCity:
    """A city as it was solved: the task, each enterprise's institution and metres, the prices."""

    task: CityTask
    rows: dict[UUID, tuple[UUID | None, int | None]]
    prices: dict[UUID, tuple[int, int]]


# A job that gave up for a reason outside the plan leaves it `solving`: the reader is told all the
# same, from the job. Who did not start the job sees no job, and its plan as done.
_SELECT = """
select p.plan_id, p.campaign_id, p.tier, p.version, p.round, p.seed,
  case when p.state = 'solving' and j.state = 'failed' then 'failed' else p.state end as state,
  p.rests_on, p.rotated_on, p.solved_on, p.job_id, p.publication_job_id,
  coalesce(case when b.job_id is null then j.progress else b.progress end, 1) as progress,
  coalesce(case when b.job_id is null then j.stage else b.stage end, '') as stage,
  coalesce(b.state in ('queued', 'running'), false) as publishing,
  p.assigned, p.unassigned, p.exhausted, p.moved, p.gini_bp, p.failure_code,
  coalesce(p.failure, j.error, b.error) as failure,
  p.created_by, p.created_at, p.checked_by, p.checked_at, p.published_at, p.published_on,
  p.superseded_by
from plan p left join job j on j.job_id = p.job_id
left join job b on b.job_id = p.publication_job_id
"""


def _plan(row: Any) -> StoredPlan:
    fields: dict[str, Any] = dict(row) | {"state": PlanState(row["state"])}
    return StoredPlan(**fields)


async def find(tx: Transaction, plan_id: UUID, *, lock: bool = False) -> StoredPlan | None:
    """One plan; with `lock`, nobody else changes it until the transaction ends."""
    driver = await tx.driver()
    locking = " for update of p" if lock else ""
    row = await driver.fetchrow(f"{_SELECT} where p.plan_id = $1{locking}", plan_id)
    return _plan(row) if row else None


async def of_campaign(tx: Transaction, campaign_id: UUID) -> list[StoredPlan]:
    """A campaign's plans, newest first."""
    driver = await tx.driver()
    rows = await driver.fetch(
        f"{_SELECT} where p.campaign_id = $1 order by p.created_at desc, p.version desc limit 500",
        campaign_id,
    )
    return [_plan(row) for row in rows]


async def published(tx: Transaction, campaign_id: UUID, tier: int) -> StoredPlan | None:
    """The plan of a tier that is in force: the newest published one, rotations included."""
    driver = await tx.driver()
    row = await driver.fetchrow(
        f"{_SELECT} where p.campaign_id = $1 and p.tier = $2 and p.state = 'published'"
        " order by p.version desc limit 1",
        campaign_id,
        tier,
    )
    return _plan(row) if row else None


async def add(
    tx: Transaction,
    plan: Plan,
    *,
    job_id: UUID,
    round_no: int,
    rests_on: UUID | None,
    rotated_on: date | None,
) -> int:
    """Enter a plan that is being solved; its version within campaign and tier."""
    driver = await tx.driver()
    version: Any = await driver.fetchval(
        "insert into plan (plan_id, campaign_id, tier, version, round, seed, state, rests_on,"
        " rotated_on, job_id, created_by, created_at)"
        " select $1, $2, $3, 1 + coalesce(max(version), 0), $4, $5, 'solving', $6, $7, $8, $9,"
        " $10 from plan where campaign_id = $2 and tier = $3 returning version",
        plan.plan_id,
        plan.campaign_id,
        plan.tier,
        round_no,
        plan.seed,
        rests_on,
        rotated_on,
        job_id,
        tx.principal.account_id,
        tx.now,
    )
    return int(version)


async def set_failed(tx: Transaction, plan_id: UUID, code: str, why: str) -> None:
    """The plan cannot be solved; why."""
    driver = await tx.driver()
    await driver.execute(
        "update plan set state = 'failed', failure_code = $2, failure = $3"
        " where plan_id = $1 and state = 'solving'",
        plan_id,
        code,
        why,
    )


async def set_draft(
    tx: Transaction, plan_id: UUID, rows: Sequence[PlanRow], *, exhausted: int, gini_bp: int
) -> None:
    """The plan is solved."""
    placed = sum(1 for row in rows if row.bureau_code or row.institution_id)
    driver = await tx.driver()
    await driver.execute(
        "update plan set state = 'draft', assigned = $2, unassigned = $3, exhausted = $4,"
        " gini_bp = $5, solved_on = $6 where plan_id = $1",
        plan_id,
        placed,
        len(rows) - placed,
        exhausted,
        gini_bp,
        tx.today,
    )


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
             row.bureau_code, row.institution_id, row.nearest_outlet_id, row.distance_m,
             encode(row.reason).decode())
            for row, assignment_id, region in rows
        ),
        columns=["plan_id", "enterprise_id", "assignment_id", "region_code", "city_code",
                 "node_kind", "bureau_code", "institution_id", "nearest_outlet_id", "distance_m",
                 "reason"],
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


async def add_city(tx: Transaction, plan_id: UUID, task: CityTask, solved: CityPlan) -> None:
    """Keep what a city was computed from, its proof and its shortages, for anyone to replay."""
    driver = await tx.driver()
    await driver.execute(
        "insert into plan_city (plan_id, city_code, listed, exhausted, longest_m, violations,"
        " digest, task, cost, bound, prices) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
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
    )
    await insert_rows(
        driver,
        "plan_shortage",
        rows=[
            (plan_id, solved.city_code, one.slots, one.short, list(one.institution_ids),
             list(one.enterprise_ids))
            for one in solved.shortages
        ],
        columns=["plan_id", "city_code", "slots", "short", "institution_ids", "enterprise_ids"],
    )  # fmt: skip


async def city_of_plan(
    tx: Transaction, plan_id: UUID, city: str
) -> tuple[CityRow, CityTask] | None:
    """A city's solution and the task it came from."""
    driver = await tx.driver()
    row = await driver.fetchrow(
        "select * from plan_city where plan_id = $1 and city_code = $2", plan_id, city
    )
    if row is None:
        return None
    task = msgspec.msgpack.decode(zlib.decompress(row["task"]), type=CityTask)
    return _city(row), task


async def published_cities(
    tx: Transaction, plan_id: UUID, only: Sequence[str] | None = None
) -> list[StoredCity]:
    """Everything stored of a plan's cities: what they were solved from, who got whom, prices."""
    driver = await tx.driver()
    cities = await driver.fetch(
        "select city_code, task, prices from plan_city where plan_id = $1"
        " and ($2::text[] is null or city_code = any($2)) order by city_code",
        plan_id,
        only,
    )
    rows = await driver.fetch(
        "select city_code, enterprise_id, institution_id, distance_m from plan_row"
        " where plan_id = $1 and ($2::text[] is null or city_code = any($2))",
        plan_id,
        only,
    )
    held: dict[str, dict[UUID, tuple[UUID | None, int | None]]] = {}
    for row in rows:
        held.setdefault(row["city_code"], {})[row["enterprise_id"]] = (row[2], row[3])
    return [
        StoredCity(
            msgspec.msgpack.decode(zlib.decompress(city["task"]), type=CityTask),
            held.get(city["city_code"], {}),
            msgspec.convert(_decoded(city["prices"]), dict[UUID, tuple[int, int]], strict=False),
        )
        for city in cities
    ]


async def cities_of_plan(tx: Transaction, plan_id: UUID) -> list[CityRow]:
    """The cities of a plan, without their tasks."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select city_code, listed, exhausted, longest_m, violations, digest, cost, bound"
        " from plan_city"
        " where plan_id = $1 order by city_code",
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
        " order by city_code, bureau_code, institution_id",
        plan_id,
    )
    return [LoadRow(**{name: row[name] for name in LoadRow.__slots__}) for row in rows]


async def shortages_of(tx: Transaction, plan_id: UUID) -> list[tuple[str, Shortage]]:
    """Why some have no place: closed sets of full institutions, by city."""
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
        " r.institution_id, r.nearest_outlet_id, r.distance_m, r.reason from plan_row r"
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

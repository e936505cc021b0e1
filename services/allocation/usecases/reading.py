"""What readers ask of plans: their reports, a row with its reason, and proof by solving again."""

import asyncio
import gzip
from dataclasses import dataclass
from uuid import UUID

import msgspec

from services.allocation.domain.engine.exporting import plan_document
from services.allocation.domain.planning import LoadRow, Shortage
from services.allocation.domain.publishing import published_part
from services.allocation.domain.tasks import CityTask
from services.allocation.store import parts, plans
from services.allocation.store.parts import CityRow, RowOfPlan, StoredPart
from services.allocation.store.plans import StoredPlan
from services.allocation.usecases.apart import solver
from services.allocation.usecases.planning import find_plan
from shared.kernel.errors import Conflict, NotFound
from shared.platform.database import Database, Transaction
from shared.platform.principal import Principal


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan with its reports, as far as the caller may see them."""

    plan: StoredPlan
    load: list[LoadRow]
    cities: list[CityRow]
    shortages: list[tuple[str, Shortage]]


@dataclass(frozen=True, slots=True)
class Replay:
    """Digests of a city's solution: as stored, and as solved again."""

    city_code: str
    stored_digest: str
    replayed_digest: str


async def view_plan(tx: Transaction, plan_id: UUID) -> PlanView:
    """A plan and its load: a bank sees its own line, a bureau its city's.

    Raises: NotFound `plan.unknown`.
    """
    plan = await find_plan(tx, plan_id)
    caller = tx.principal
    prefix = caller.city_prefix()
    load = [one for one in await parts.loads_of(tx, plan_id) if _may_see(one, caller, prefix)]
    if not (caller.reads_all or prefix):
        return PlanView(plan, load, [], [])
    cities = await parts.cities_of_plan(tx, plan_id)
    shortages = await parts.shortages_of(tx, plan_id)
    return PlanView(
        plan,
        load,
        [one for one in cities if one.city_code.startswith(prefix)],
        [one for one in shortages if one[0].startswith(prefix)],
    )


def _may_see(load: LoadRow, caller: Principal, prefix: str) -> bool:
    if caller.reads_all:
        return True
    if prefix:
        return load.city_code.startswith(prefix)
    return load.institution_id is not None and load.institution_id == caller.institution_id


async def list_plans(tx: Transaction, campaign_id: UUID) -> list[StoredPlan]:
    """A campaign's plans the caller may see, newest first."""
    found = await plans.of_campaign(tx, campaign_id)
    return [one for one in found if tx.principal.reads_all or one.published_at is not None]


async def list_rows(
    tx: Transaction,
    plan_id: UUID,
    *,
    institution_id: UUID | None,
    region: str | None,
    after: UUID | None,
    limit: int,
) -> list[RowOfPlan]:
    """One more than `limit` rows of a plan the caller may see.

    Raises: NotFound `plan.unknown`.
    """
    await find_plan(tx, plan_id)
    return await parts.rows_of(
        tx, plan_id, institution_id=institution_id, region=region, after=after, limit=limit
    )


async def find_row(tx: Transaction, plan_id: UUID, enterprise_id: UUID) -> RowOfPlan:
    """One enterprise in a plan, with its reason (A3).

    Raises: NotFound `plan.unknown`, `plan.row_unknown`.
    """
    await find_plan(tx, plan_id)
    rows = await parts.rows_of(tx, plan_id, enterprise_id=enterprise_id, limit=1)
    if not rows:
        raise NotFound("plan.row_unknown", "方案中没有该企业或无权查看")
    return rows[0]


async def replay(
    database: Database, caller: Principal, plan_id: UUID, city: str, institution_id: UUID | None
) -> Replay:
    """Solve a group again from what the plan was solved from (A3, U8).

    Raises: NotFound `plan.unknown`, `plan.city_unknown`.
    """
    async with database.read(caller) as tx:
        plan = await find_plan(tx, plan_id)
        found = await parts.part_of_plan(tx, plan_id, city, institution_id)
    if found is None:
        raise NotFound("plan.city_unknown", "方案中没有该城市")
    stored, task = found
    async with solver(plan.form) as solving:
        again = await solving(task)
    return Replay(city, stored.digest, again.digest)


async def export(database: Database, caller: Principal, plan_id: UUID) -> bytes:
    """A plan of any tier in the published format: anybody can check it (docs/plan-file.md).

    Raises: NotFound `plan.unknown`; Conflict `plan.not_exportable`.
    """
    async with database.read(caller) as tx:
        plan = await find_plan(tx, plan_id)
        stored = await parts.parts_of_plan(tx, plan_id)
    if not stored:
        raise Conflict(
            "plan.not_exportable", "该方案不能导出核验文件", "方案尚未计算完成,完成后再导出"
        )
    return await asyncio.to_thread(_exported, plan, stored)


def _exported(plan: StoredPlan, stored: list[StoredPart]) -> bytes:
    documents = [published_part(one.task, one.rows, one.prices, one.bound) for one in stored]
    kept = sum(len(one.task.fixed) for one in stored if isinstance(one.task, CityTask))
    head = {
        "plan_id": str(plan.plan_id),
        "campaign_id": str(plan.campaign_id),
        "tier": plan.tier,
        "version": plan.version,
        "round": plan.round,
        "seed": plan.seed,
        "form": plan.form,
        "state": plan.state.value,
        "published_on": plan.published_on and plan.published_on.isoformat(),
        "assigned": (plan.assigned or 0) + kept,
        "kept": kept,
        "direct": plan.direct or 0,
        "unassigned": plan.unassigned,
    }
    return gzip.compress(msgspec.json.encode(plan_document(head, documents)), 6, mtime=0)

"""Plans: one sharing-out of a campaign's list at a tier, from asked for to superseded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.allocation.domain.model import Plan, PlanState
from services.allocation.domain.planning import PlanRow
from services.allocation.domain.tasks import Form
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
    form: Form
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
    direct: int | None
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


# A job that gave up for a reason outside the plan leaves it `solving`: the reader is told all the
# same, from the job. Who did not start the job sees no job, and its plan as done.
_SELECT = """
select p.plan_id, p.campaign_id, p.tier, p.version, p.round, p.seed, p.form,
  case when p.state = 'solving' and j.state = 'failed' then 'failed' else p.state end as state,
  p.rests_on, p.rotated_on, p.solved_on, p.job_id, p.publication_job_id,
  coalesce(case when b.job_id is null then j.progress else b.progress end, 1) as progress,
  coalesce(case when b.job_id is null then j.stage else b.stage end, '') as stage,
  coalesce(b.state in ('queued', 'running'), false) as publishing,
  p.assigned, p.unassigned, p.direct, p.exhausted, p.moved, p.gini_bp, p.failure_code,
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
    form: Form,
    round_no: int,
    rests_on: UUID | None,
    rotated_on: date | None,
) -> int:
    """Enter a plan that is being solved; its version within campaign and tier."""
    driver = await tx.driver()
    version: Any = await driver.fetchval(
        "insert into plan (plan_id, campaign_id, tier, version, round, seed, state, rests_on,"
        " rotated_on, job_id, created_by, created_at, form)"
        " select $1, $2, $3, 1 + coalesce(max(version), 0), $4, $5, 'solving', $6, $7, $8, $9,"
        " $10, $11 from plan where campaign_id = $2 and tier = $3 returning version",
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
        form,
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
    tx: Transaction,
    plan_id: UUID,
    rows: Sequence[PlanRow],
    *,
    direct: int,
    exhausted: int,
    gini_bp: int,
) -> None:
    """The plan is solved. Who goes directly to a city's banks is neither placed nor left over."""
    placed = sum(1 for row in rows if row.bureau_code or row.node_id)
    driver = await tx.driver()
    await driver.execute(
        "update plan set state = 'draft', assigned = $2, unassigned = $3, exhausted = $4,"
        " gini_bp = $5, solved_on = $6, direct = $7 where plan_id = $1",
        plan_id,
        placed,
        len(rows) - placed - direct,
        exhausted,
        gini_bp,
        tx.today,
        direct,
    )

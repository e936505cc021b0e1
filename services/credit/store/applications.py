"""Applications as rows."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from asyncpg import Connection, Record, UniqueViolationError

from services.credit.domain.applications import Application, Decision, Filing
from services.credit.store.scope import Filter
from shared.platform.pool import savepoint

State = Literal["filed", "approved", "declined"]

_STATE = {
    "filed": "a.approved is null",
    "approved": "a.approved",
    "declined": "not a.approved",
}
_ADD = """
insert into application (application_id, campaign_id, enterprise_id, institution_id, outlet_id,
    region_code, product_code, product_version, amount_fen, filed_on, on_own_list, filed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
_DECIDE = """
update application set approved = $2, decided_fen = $3, reason_code = $4, remark = $5,
    npl_tolerance = $6, due_diligence_exempt = $7, decided_on = $8, decided_at = $9
where application_id = $1
"""


async def add(driver: Connection, application: Application, now: datetime) -> bool:
    """Enter an application; False where its id is taken already."""
    filing = application.filing
    try:
        async with savepoint(driver):
            await driver.execute(
                _ADD,
                filing.application_id,
                filing.campaign_id,
                filing.enterprise_id,
                filing.institution_id,
                filing.outlet_id,
                application.region_code,
                filing.product_code,
                application.product_version,
                filing.amount_fen,
                filing.filed_on,
                application.on_own_list,
                now,
            )
    except UniqueViolationError:
        return False
    return True


async def decide(
    driver: Connection, application_id: UUID, decision: Decision, now: datetime
) -> None:
    """Write the decision on a locked application."""
    await driver.execute(
        _DECIDE,
        application_id,
        decision.approved,
        decision.amount_fen or 0,
        decision.reason_code,
        decision.remark,
        decision.npl_tolerance,
        decision.due_diligence_exempt,
        decision.decided_on,
        now,
    )


async def find(
    driver: Connection, application_id: UUID, seen: Filter, *, lock: bool = False
) -> Application | None:
    """An application the caller may see."""
    seen.where("a.application_id = {}", application_id)
    row = await driver.fetchrow(
        f"select * from application a where {seen.sql()}{' for update' if lock else ''}",
        *seen.values,
    )
    return _application(row) if row else None


async def page(
    driver: Connection,
    seen: Filter,
    *,
    enterprise_id: UUID | None,
    state: State | None,
    after: tuple[date, UUID] | None,
    limit: int,
) -> list[Application]:
    """Newest first, one more than `limit` where there are more."""
    if enterprise_id:
        seen.where("a.enterprise_id = any(array(select family_of({})))", enterprise_id)
    if state:
        seen.where(_STATE[state])
    if after:
        seen.where("(a.filed_on, a.application_id) < ({}, {})", *after)
    rows = await driver.fetch(
        f"select * from application a where {seen.sql()}"
        f" order by a.filed_on desc, a.application_id desc limit {limit + 1:d}",
        *seen.values,
    )
    return [_application(row) for row in rows]


async def on_list(driver: Connection, enterprise_id: UUID, institution_id: UUID, day: date) -> bool:
    """Whether an enterprise was on the institution's list on a day."""
    listed: bool = await driver.fetchval(  # pyright: ignore[reportAssignmentType]
        "select exists (select from assignment where enterprise_id = $1 and institution_id = $2"
        " and assigned_on <= $3 and (unassigned_on is null or unassigned_on > $3))",
        enterprise_id,
        institution_id,
        day,
    )
    return listed


async def outlet_institution(driver: Connection, outlet_id: UUID) -> UUID | None:
    """Whose outlet it is."""
    return await driver.fetchval(
        "select institution_id from outlet where outlet_id = $1", outlet_id
    )


def _application(row: Record) -> Application:
    decision = None
    if row["approved"] is not None:
        decision = Decision(
            approved=row["approved"],
            amount_fen=row["decided_fen"],
            reason_code=row["reason_code"],
            remark=row["remark"],
            npl_tolerance=row["npl_tolerance"],
            due_diligence_exempt=row["due_diligence_exempt"],
            decided_on=row["decided_on"],
        )
    filing = Filing(
        application_id=row["application_id"],
        campaign_id=row["campaign_id"],
        enterprise_id=row["enterprise_id"],
        institution_id=row["institution_id"],
        outlet_id=row["outlet_id"],
        product_code=row["product_code"],
        amount_fen=row["amount_fen"],
        filed_on=row["filed_on"],
    )
    return Application(
        filing=filing,
        product_version=row["product_version"],
        region_code=row["region_code"],
        on_own_list=row["on_own_list"],
        decision=decision,
    )


async def forget_words(driver: Connection, enterprises: Sequence[UUID]) -> None:
    """Empty what was written on decisions about these enterprises: words may name persons."""
    await driver.execute(
        "update application set remark = '' where enterprise_id = any($1::uuid[]) and remark <> ''",
        list(enterprises),
    )

"""Visits and their needs."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from services.visits.domain.model import Interviewee, Judged, Place, VisitReport
from services.visits.store import privacy
from services.visits.store.privacy import Private
from shared.kernel.ids import derived_id
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction
from shared.platform.vault import Wrapped

_SAVE = """
with v as (
  insert into visit (visit_id, campaign_id, enterprise_id, institution_id, outlet_id, assignment_id,
    region_code, visited_on, started_at, staff_ids, interviewee_role, private_box,
    longitude_e6, latitude_e6, accuracy_m, photos, told_campaign, told_qr, complete, missing, flags,
    content_hash, recorded_by, recorded_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24)
  on conflict (visit_id) do nothing returning visit_id
), p as (
  update photo set visit_id = $1 where photo_id = any($25) and institution_id = $4
    and visit_id is null and exists (select from v) returning photo_id
), n as (
  insert into need (need_id, visit_id, campaign_id, enterprise_id, institution_id, outlet_id,
    region_code, amount_fen, purpose, term_months, recorded_on, recorded_at)
  select $26::uuid, $1, $2, $3, $4, $5, $7, $27, $28::text, $29::smallint, $8, $24
  from v where $27::bigint is not null
)
select (select count(*) from v) as saved, (select count(*) from p) as photos
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """Whether the visit is in, and how many of its photos became its own."""

    fresh: bool
    photos: int


def need_id_of(visit_id: UUID) -> UUID:
    """A visit states at most one need."""
    return derived_id("need", visit_id)


async def save(
    report: VisitReport,
    judged: Judged,
    *,
    institution_id: UUID,
    content_hash: bytes,
    key: Wrapped | None,
    tx: Transaction,
) -> Saved:
    """Write the visit, take its photos and write its need; nothing where the id is taken.

    `key`: the enterprise's, where there is one; it is made with the first words.
    """
    place, interviewee, need = report.place, report.interviewee, report.need
    words = Private(interviewee.name if interviewee else None, report.note)
    driver = await tx.driver()
    row = await driver.fetchrow(
        _SAVE,
        report.visit_id,
        report.campaign_id,
        report.enterprise_id,
        institution_id,
        judged.outlet_id,
        judged.assignment_id,
        judged.region_code,
        report.visited_on,
        report.started_at,
        report.staff_ids,
        interviewee.role if interviewee else None,
        await privacy.sealed(tx, report.enterprise_id, report.visit_id, words, key),
        round(place.longitude * 1e6) if place else None,
        round(place.latitude * 1e6) if place else None,
        place.accuracy_m if place else None,
        len(report.photo_ids),
        report.told_campaign,
        report.told_qr,
        judged.complete,
        judged.missing,
        judged.flags,
        content_hash,
        tx.principal.account_id,
        tx.now,
        report.photo_ids,
        need_id_of(report.visit_id) if need else None,
        need.amount_fen if need else None,
        need.purpose if need else None,
        need.term_months if need else None,
    )
    assert row is not None  # two counts are always one row
    return Saved(row["saved"] == 1, int(row["photos"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRow:
    """A visit as it is shown; `interviewee` and `note` only where one visit is asked for."""

    visit_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    assignment_id: UUID
    region_code: str
    visited_on: date
    started_at: datetime | None
    staff_ids: tuple[UUID, ...]
    interviewee: Interviewee | None
    place: Place | None
    photo_ids: tuple[UUID, ...]
    told_campaign: bool
    told_qr: bool
    note: str | None
    complete: bool
    missing: tuple[str, ...]
    flags: tuple[str, ...]
    need_id: UUID | None
    amount_fen: int | None
    purpose: str | None
    term_months: int | None
    recorded_at: datetime
    voided_on: date | None
    void_reason_code: str | None
    void_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFilter:
    """What a list of visits is narrowed to."""

    enterprise_id: UUID | None = None
    campaign_id: UUID | None = None
    institution_id: UUID | None = None
    staff_id: UUID | None = None
    after: tuple[date, UUID] | None = None
    limit: int = 100


_SELECT = """
select v.*, k.master, k.wrapped, n.need_id, n.amount_fen, n.purpose, n.term_months,
       array(select photo_id from photo p where p.visit_id = v.visit_id
             order by photo_id) as photo_ids
from visit v left join need n using (visit_id)
  left join data_key k on k.subject_id = v.enterprise_id
"""


async def find(tx: Transaction, visit_id: UUID, *, lock: bool = False) -> VisitRow | None:
    """One visit the caller may see."""
    conditions = scoped(tx)
    conditions.add("v.visit_id = {}", visit_id)
    driver = await tx.driver()
    ending = " for update of v" if lock else ""
    row = await driver.fetchrow(_SELECT + conditions.sql + ending, *conditions.values)
    return _visit(row) if row else None


async def page(tx: Transaction, wanted: VisitFilter) -> list[VisitRow]:
    """One more than `limit` visits, newest first."""
    conditions = scoped(tx)
    conditions.add_given("v.enterprise_id = any(array(select family_of({})))", wanted.enterprise_id)
    conditions.add_given("v.campaign_id = {}", wanted.campaign_id)
    conditions.add_given("v.institution_id = {}", wanted.institution_id)
    conditions.add_given("{} = any(v.staff_ids)", wanted.staff_id)
    if wanted.after:
        conditions.add("(v.visited_on, v.visit_id) < ({}, {})", *wanted.after)
    limit = conditions.bind(wanted.limit + 1)
    driver = await tx.driver()
    rows = await driver.fetch(
        f"{_SELECT}{conditions.sql} order by v.visited_on desc, v.visit_id desc limit {limit}",
        *conditions.values,
    )
    return [_visit(row) for row in rows]


def scoped(tx: Transaction) -> Conditions:
    """Visits the caller may see; a manager's are the own ones and those of enterprises in care."""
    principal = tx.principal
    conditions = Conditions()
    conditions.add_region_or_institution(principal, "v")
    if principal.role == "branch_head":
        conditions.add("v.outlet_id = {}", principal.outlet_id)
    if principal.role == "relationship_manager":
        conditions.add(
            "({0} = any(v.staff_ids) or exists (select from assignment a where a.staff_id = {0}"
            " and a.enterprise_id = v.enterprise_id and a.campaign_id = v.campaign_id"
            " and a.ended_on is null))",
            principal.staff_id,
        )
    return conditions


async def void(visit_id: UUID, *, reason_code: str, reason: str, tx: Transaction) -> None:
    """Mark a locked visit as never true; its need goes with it, its photos stay as evidence."""
    driver = await tx.driver()
    await driver.execute(
        "with n as (update need set state = 'void' where visit_id = $1)"
        " update visit set voided_at = $2, voided_on = $3, voided_by = $4, void_reason_code = $5,"
        " void_reason = $6 where visit_id = $1",
        visit_id,
        tx.now,
        tx.today,
        tx.principal.account_id,
        reason_code,
        reason,
    )


def _visit(row: asyncpg.Record) -> VisitRow:
    words = privacy.opened(row)
    named = row["interviewee_role"] is not None
    placed = row["longitude_e6"] is not None
    return VisitRow(
        visit_id=row["visit_id"],
        campaign_id=row["campaign_id"],
        enterprise_id=row["enterprise_id"],
        institution_id=row["institution_id"],
        outlet_id=row["outlet_id"],
        assignment_id=row["assignment_id"],
        region_code=row["region_code"],
        visited_on=row["visited_on"],
        started_at=row["started_at"],
        staff_ids=tuple(row["staff_ids"]),
        interviewee=Interviewee(row["interviewee_role"], words.interviewee or "")
        if named
        else None,
        place=Place(row["longitude_e6"] / 1e6, row["latitude_e6"] / 1e6, row["accuracy_m"])
        if placed
        else None,
        photo_ids=tuple(row["photo_ids"]),
        told_campaign=row["told_campaign"],
        told_qr=row["told_qr"],
        note=words.note,
        complete=row["complete"],
        missing=tuple(row["missing"]),
        flags=tuple(row["flags"]),
        need_id=row["need_id"],
        amount_fen=row["amount_fen"],
        purpose=row["purpose"],
        term_months=row["term_months"],
        recorded_at=row["recorded_at"],
        voided_on=row["voided_on"],
        void_reason_code=row["void_reason_code"],
        void_reason=row["void_reason"],
    )

"""Take checked rows into the registry: what is new, what changed, what conflicts."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from services.registry.domain.changes import field_changes
from services.registry.domain.memberships import first_day
from services.registry.domain.reasons import reason
from services.registry.domain.records import (
    AnyRecord,
    EnterpriseRow,
    FactRow,
    InstitutionRow,
    Kind,
    OutletRow,
    Reason,
    StaffRow,
)
from services.registry.domain.rows import digest_of
from services.registry.store import banks, enterprises, facts
from services.registry.store.bulk import known_ids
from services.registry.store.facts import IMPORTED
from services.registry.store.imports import Import, RowOutcome
from services.registry.store.persons import Person, Subject, put_persons
from services.registry.store.vintages import is_pinned
from shared.contracts.registry import (
    EnterpriseChanged,
    EnterpriseListed,
    InstitutionChanged,
    OutletChanged,
    StaffChanged,
)
from shared.kernel.ids import new_id
from shared.platform.database import Transaction


def _taken(row: AnyRecord, change: str) -> RowOutcome:
    return RowOutcome(row.row, "taken", change, row.key, row.notes)


async def _with_field_changes(
    tx: Transaction, rows: Sequence[EnterpriseRow], outcomes: Sequence[RowOutcome]
) -> list[RowOutcome]:
    """Say of each changed row what is otherwise than what is stored."""
    by_row = {row.row: row for row in rows}
    changed = {each.row for each in outcomes if each.change == "changed"}
    if not changed:
        return list(outcomes)
    ids = [by_row[number].enterprise_id for number in changed]
    stored = await enterprises.stored_fields(tx, ids)
    told: list[RowOutcome] = []
    for each in outcomes:
        row = by_row[each.row]
        before = stored.get(row.enterprise_id) if each.row in changed else None
        notes = (*each.reasons, *field_changes(before, row)) if before else each.reasons
        told.append(RowOutcome(each.row, each.outcome, each.change, each.key, notes))
    return told


def _not_taken(row: AnyRecord, outcome: str, why: Reason) -> RowOutcome:
    return RowOutcome(row.row, outcome, "", row.key, (why,))


async def take_enterprises(
    tx: Transaction, job: Import, rows: Sequence[EnterpriseRow]
) -> list[RowOutcome]:
    """Put enterprises on the import's list.

    An enterprise that stands on this list already stays as it is (R4): equal content is unchanged,
    other content is doubtful. Against an earlier list, equal content is unchanged as well, but the
    enterprise is put on the new list. Nobody is put on a list that a campaign stands on.
    """
    vintage = job.list_vintage or ""
    ids = [row.enterprise_id for row in rows]
    here = await enterprises.member_digests(tx, vintage, ids)
    before = here if job.baseline == vintage else (
        await enterprises.member_digests(tx, job.baseline, ids)
    )  # fmt: skip
    pinned = await is_pinned(tx, vintage)
    outcomes: list[RowOutcome] = []
    fresh: list[EnterpriseRow] = []
    for row in rows:
        digest = here.get(row.enterprise_id)
        if digest is None and pinned:
            why = reason("统一社会信用代码", "list.pinned", row.key)
            outcomes.append(_not_taken(row, "refused", why))
        elif digest is None:
            fresh.append(row)
            earlier = before.get(row.enterprise_id)
            change = "unchanged" if earlier == row.digest else "changed" if earlier else "new"
            outcomes.append(_taken(row, change))
        elif digest == row.digest:
            outcomes.append(_taken(row, "unchanged"))
        else:
            why = reason("统一社会信用代码", "list.conflict", row.key)
            outcomes.append(_not_taken(row, "doubtful", why))
    told = await _with_field_changes(tx, rows, outcomes)
    if fresh and not job.dry_run:
        # In the order of their ids they lie side by side in every index.
        fresh.sort(key=lambda row: row.enterprise_id.int)
        await _list_enterprises(tx, job, vintage, fresh)
    return told


async def _list_enterprises(
    tx: Transaction, job: Import, vintage: str, rows: Sequence[EnterpriseRow]
) -> None:
    listed_on = date.fromisoformat(vintage)
    known = await enterprises.known_enterprises(tx, [row.enterprise_id for row in rows])
    new = [row for row in rows if row.enterprise_id not in known]
    newer = [
        row
        for row in rows
        if (stored := known.get(row.enterprise_id)) and stored.list_vintage < vintage
    ]
    moved = [
        row
        for row in newer
        if not known[row.enterprise_id].same_slice(row)
        and known[row.enterprise_id].last_change_on < first_day(listed_on)
    ]
    await enterprises.add_enterprises(tx, new, vintage)
    if newer:
        await enterprises.renew_enterprises(tx, newer, moved, vintage)
    await enterprises.add_members(tx, job.import_id, vintage, rows)
    tx.emit(*(_listed(row, vintage, listed_on) for row in rows))
    tx.emit(*(_moved(row, first_day(listed_on)) for row in moved))


def _listed(row: EnterpriseRow, vintage: str, listed_on: date) -> EnterpriseListed:
    return EnterpriseListed(
        enterprise_id=row.enterprise_id,
        uscc=row.key,
        list_vintage=vintage,
        region_code=row.region_code,
        longitude_e6=row.longitude_e6,
        latitude_e6=row.latitude_e6,
        precision=row.precision,
        industry_code=row.industry_code,
        has_loan=row.has_loan,
        listed_on=listed_on,
    )


def _moved(row: EnterpriseRow, valid_from: date) -> EnterpriseChanged:
    return EnterpriseChanged(
        enterprise_id=row.enterprise_id,
        region_code=row.region_code,
        longitude_e6=row.longitude_e6,
        latitude_e6=row.latitude_e6,
        precision=row.precision,
        industry_code=row.industry_code,
        valid_from=valid_from,
    )


async def take_institutions(
    tx: Transaction, job: Import, rows: Sequence[InstitutionRow]
) -> list[RowOutcome]:
    """Enter institutions, or change those whose content differs."""
    stored = await banks.digests(
        tx, "institution", "institution_id", [row.institution_id for row in rows]
    )
    outcomes = [_taken(row, _change(stored.get(row.institution_id), row.digest)) for row in rows]
    await _put_institutions(tx, job, [r for r in rows if stored.get(r.institution_id) != r.digest])
    return outcomes


async def _put_institutions(tx: Transaction, job: Import, rows: Sequence[InstitutionRow]) -> None:
    if job.dry_run or not rows:
        return
    await banks.put_institutions(tx, [(row, job.valid_from) for row in rows])
    tx.emit(
        *(
            InstitutionChanged(
                institution_id=row.institution_id,
                institution_code=row.key,
                name=row.name,
                institution_type=row.institution_type,  # pyright: ignore[reportArgumentType]
                active=True,
                valid_from=job.valid_from,
            )
            for row in rows
        )
    )


async def take_outlets(tx: Transaction, job: Import, rows: Sequence[OutletRow]) -> list[RowOutcome]:
    """Enter outlets, or change those whose content differs.

    Where the institution was read from the outlet's name, it is entered too.
    """
    known = await known_ids(
        tx, "institution", "institution_id", list({row.institution_id for row in rows})
    )
    derived = {
        row.institution_id: row
        for row in rows
        if row.institution_name and row.institution_id not in known
    }
    stored = await banks.digests(tx, "outlet", "outlet_id", [row.outlet_id for row in rows])
    outcomes: list[RowOutcome] = []
    changed: list[OutletRow] = []
    for row in rows:
        if job.institution_id and row.institution_id != job.institution_id:
            why = reason("所属机构编码", "institution.not_yours", row.institution_code)
            outcomes.append(_not_taken(row, "refused", why))
        elif row.institution_id not in known and row.institution_id not in derived:
            why = reason("所属机构编码", "institution.unknown", row.institution_code)
            outcomes.append(_not_taken(row, "refused", why))
        else:
            change = _change(stored.get(row.outlet_id), row.digest)
            outcomes.append(_taken(row, change))
            if change != "unchanged":
                changed.append(row)
    if not job.dry_run:
        await _put_institutions(tx, job, [_derived(row) for row in derived.values()])
        await _put_outlets(tx, job, changed)
    return outcomes


def _derived(row: OutletRow) -> InstitutionRow:
    return InstitutionRow(
        row=row.row,
        key=row.institution_code,
        digest=digest_of(row.institution_name, row.institution_type, ""),
        institution_id=row.institution_id,
        name=row.institution_name,
        institution_type=row.institution_type,
        uscc="",
    )


async def _put_outlets(tx: Transaction, job: Import, rows: Sequence[OutletRow]) -> None:
    await banks.put_outlets(tx, [(row, job.valid_from) for row in rows])
    tx.emit(
        *(
            OutletChanged(
                outlet_id=row.outlet_id,
                institution_id=row.institution_id,
                name=row.name,
                region_code=row.region_code,
                longitude_e6=row.longitude_e6,
                latitude_e6=row.latitude_e6,
                precision=row.precision,
                relationship_managers=row.relationship_managers,
                service_capacity=row.service_capacity,
                active=True,
                valid_from=job.valid_from,
            )
            for row in rows
        )
    )


async def take_staff(tx: Transaction, job: Import, rows: Sequence[StaffRow]) -> list[RowOutcome]:
    """Enter staff, or change those whose content differs; each must be of a known outlet."""
    outlets = await banks.institution_of_outlets(tx, list({row.outlet_id for row in rows}))
    stored = await banks.digests(tx, "staff", "staff_id", [row.staff_id for row in rows])
    outcomes: list[RowOutcome] = []
    changed: list[StaffRow] = []
    for row in rows:
        if job.institution_id and row.institution_id != job.institution_id:
            why = reason("所属机构编码", "institution.not_yours")
            outcomes.append(_not_taken(row, "refused", why))
        elif row.outlet_id not in outlets:
            outcomes.append(_not_taken(row, "refused", reason("所属网点编码", "outlet.unknown")))
        else:
            change = _change(stored.get(row.staff_id), row.digest)
            outcomes.append(_taken(row, change))
            if change != "unchanged":
                changed.append(row)
    if changed and not job.dry_run:
        await banks.put_staff(tx, changed)
        await put_persons(tx, [Subject(r.staff_id, "staff", Person(r.name)) for r in changed])
        tx.emit(*map(_staff_changed, changed))
    return outcomes


async def take_facts(tx: Transaction, job: Import, rows: Sequence[FactRow]) -> list[RowOutcome]:
    """Keep what was filed, as of the import's day.

    Nothing is overwritten: other facts of the day are one sheet more; the later one counts.
    """
    ids = [row.enterprise_id for row in rows]
    known = await known_ids(tx, "enterprise", "enterprise_id", ids)
    stored = await facts.imported_on(tx, ids, job.valid_from)
    outcomes: list[RowOutcome] = []
    fresh: list[tuple[UUID, dict[str, Any]]] = []
    for row in rows:
        if row.enterprise_id not in known:
            why = reason("统一社会信用代码", "enterprise.unknown", row.key)
            outcomes.append(_not_taken(row, "refused", why))
            continue
        before, now = stored.get(row.enterprise_id), msgspec.json.decode(row.facts)
        change = "new" if before is None else "unchanged" if before == now else "changed"
        outcomes.append(_taken(row, change))
        if change != "unchanged":
            fresh.append((row.enterprise_id, now))
    if not job.dry_run:
        await facts.add_sheets(
            tx, [(new_id(), of, job.valid_from, IMPORTED, filed) for of, filed in fresh]
        )
    return outcomes


def _staff_changed(row: StaffRow) -> StaffChanged:
    return StaffChanged(
        staff_id=row.staff_id,
        institution_id=row.institution_id,
        outlet_id=row.outlet_id,
        role=row.role,  # pyright: ignore[reportArgumentType]
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _change(stored: bytes | None, digest: bytes) -> str:
    if stored is None:
        return "new"
    return "unchanged" if stored == digest else "changed"


Take = Callable[[Transaction, Import, Sequence[AnyRecord]], Awaitable[list[RowOutcome]]]
TAKE: Final[dict[Kind, Take]] = {
    "enterprises": take_enterprises,
    "institutions": take_institutions,
    "outlets": take_outlets,
    "staff": take_staff,
    "facts": take_facts,
}  # pyright: ignore[reportAssignmentType]


async def dropped(tx: Transaction, job: Import, *, found_before: int) -> int:
    """How many of those known before are not in the file; they stay, and a person may look.

    `found_before` is the number of the file's rows that were known.
    """
    if job.kind == "enterprises":
        return max(await enterprises.count_members(tx, job.baseline) - found_before, 0)
    if job.kind == "facts":
        return 0  # who files nothing today has not taken back what was filed before
    table = {"institutions": "institution", "outlets": "outlet", "staff": "staff"}[job.kind]
    scope: UUID | None = job.institution_id
    return max(await banks.count_rows(tx, table, scope) - found_before, 0)

"""Erasure requests, and what forgetting a subject means in these tables."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.registry.store.bulk import execute, fetch
from services.registry.store.files import forget_uploads
from shared.platform.database import Transaction
from shared.platform.retention import forget_answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A request to forget a subject's personal data; `state`: requested, approved or refused."""

    erasure_id: UUID
    subject_id: UUID
    kind: str
    basis: str
    state: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    receipt: dict[str, Any] | None = None


#: Kind of subject → tables whose rows have a digest that covers the person.
_FINGERPRINTED: Final[dict[str, tuple[str, ...]]] = {
    "enterprise": ("enterprise", "list_member"),
    "staff": ("staff",),
    "party": (),
}
_FIELDS: Final = ", ".join(Erasure.__slots__)


async def add(tx: Transaction, new: Erasure) -> None:
    """Keep a request."""
    await tx.connection.execute(
        text(
            "insert into erasure (erasure_id, subject_id, kind, basis, requested_by, requested_at)"
            " values (:erasure_id, :subject_id, :kind, :basis, :requested_by, :requested_at)"
        ),
        {name: getattr(new, name) for name in Erasure.__slots__},
    )


async def find(tx: Transaction, erasure_id: UUID, *, lock: bool = False) -> Erasure | None:
    """A request by its id."""
    found = await tx.connection.execute(
        text(
            f"select {_FIELDS} from erasure where erasure_id = :id"
            + (" for update" if lock else "")
        ),
        {"id": erasure_id},
    )
    row = found.mappings().one_or_none()
    return Erasure(**row) if row else None


async def find_all(
    tx: Transaction, *, subject_id: UUID | None, after: UUID | None, limit: int
) -> list[Erasure]:
    """Requests, the oldest first; of one subject where one is given."""
    found = await tx.connection.execute(
        text(
            f"select {_FIELDS} from erasure where (cast(:subject as uuid) is null or subject_id ="
            " :subject) and (cast(:after as uuid) is null or erasure_id > :after)"
            " order by erasure_id limit :limit"
        ),
        {"subject": subject_id, "after": after, "limit": limit},
    )
    return [Erasure(**row) for row in found.mappings()]


async def is_open(tx: Transaction, subject_id: UUID) -> bool:
    """Whether a request for the subject waits, or was granted."""
    rows = await fetch(
        tx, "select 1 from erasure where subject_id = $1 and state <> 'refused'", subject_id
    )
    return bool(rows)


async def decide(
    tx: Transaction, erasure: Erasure, state: str, receipt: dict[str, Any] | None
) -> None:
    """Keep the decision, with the receipt of what was destroyed."""
    await tx.connection.execute(
        text(
            "update erasure set state = :state, decided_by = :by, decided_at = :at,"
            " receipt = cast(:receipt as jsonb) where erasure_id = :id"
        ),
        {
            "state": state,
            "by": tx.principal.name,
            "at": tx.now,
            "receipt": msgspec.json.encode(receipt).decode() if receipt else None,
            "id": erasure.erasure_id,
        },
    )


async def staff_exists(tx: Transaction, staff_id: UUID) -> bool:
    """Whether there is such a member of staff."""
    return bool(await fetch(tx, "select 1 from staff where staff_id = $1", staff_id))


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was destroyed; the uploads' files are still to be removed."""

    keys: int
    records: int
    fingerprints: int
    uploads: list[UUID]


async def forget(tx: Transaction, subject_id: UUID, kind: str) -> Forgotten:
    """Destroy a subject's key and box, the fingerprints of its rows, and the keys of its sheets."""
    uploads = await forget_uploads(tx, await _sheets_with(tx, subject_id, kind))
    records = _count(await execute(tx, "delete from person_data where subject_id = $1", subject_id))
    keys = _count(await execute(tx, "delete from data_key where subject_id = $1", subject_id))
    await execute(tx, "update reveal set reason_box = null where subject_id = $1", subject_id)
    fingerprints = 0
    for table in _FINGERPRINTED[kind]:
        # A row's digest covers the person: with everything else known it could be guessed back.
        fingerprints += _count(
            await execute(
                tx,
                f"update {table} set digest = uuid_send(gen_random_uuid()) where {kind}_id = $1",
                subject_id,
            )
        )
    if kind == "enterprise":
        await _forget_words(tx, subject_id)
    elif kind == "party":
        await execute(
            tx,
            "update party_slice set reason = '', details = '{}' where party_id = $1",
            subject_id,
        )
    async with tx.beyond_walls():
        await forget_answers(await tx.driver(), [subject_id])
    return Forgotten(keys, records, fingerprints, uploads)


async def _forget_words(tx: Transaction, enterprise_id: UUID) -> None:
    """What people wrote about the enterprise may name its persons: the words go, the acts stay."""
    await execute(
        tx,
        "update disposition set evidence = '', decision_reason = case when"
        " decision_reason is not null then '' end"
        " where enterprise_id = $1",
        enterprise_id,
    )
    await execute(
        tx,
        "update merger set reason = '', undone_reason = case when undone_reason is not null then ''"
        " end where $1 in (survivor_id, merged_id)",
        enterprise_id,
    )
    for table in ("enterprise_former_name", "enterprise_stage"):
        await execute(tx, f"update {table} set reason = '' where enterprise_id = $1", enterprise_id)
    await execute(
        tx,
        "update enterprise_slice set reason = '' where enterprise_id = $1 and reason <> 'list'",
        enterprise_id,
    )
    await execute(tx, "update row_decision set reason = '' where enterprise_id = $1", enterprise_id)


async def _sheets_with(tx: Transaction, subject_id: UUID, kind: str) -> list[str]:
    """Digests of the uploaded sheets that name the subject."""
    if kind == "party":
        return []  # the directory is entered, not uploaded
    if kind == "staff":
        rows = await fetch(tx, "select distinct digest from import where kind = 'staff'")
        return [row[0] for row in rows]
    rows = await fetch(
        tx,
        "select distinct i.digest from import i where i.import_id in (select m.import_id from"
        " list_member m where m.enterprise_id = $1 union select r.import_id from import_row r join"
        " enterprise e on e.uscc = r.key where e.enterprise_id = $1)",
        subject_id,
    )
    return [row[0] for row in rows]


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])

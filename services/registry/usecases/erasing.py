"""Forget a subject's personal data: asked for by one, granted by another, with a receipt (S22)."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from services.registry.domain.life import check_second_person, stated
from services.registry.domain.parties import PERSONS
from services.registry.settings import Settings
from services.registry.store import erasing as store
from services.registry.store import parties
from services.registry.store.erasing import Erasure
from services.registry.store.files import (
    forget_uploads,
    old_uploads,
    remove_files,
    remove_leftovers,
)
from services.registry.usecases.vault import seen
from shared.contracts.registry import ErasedKind, PersonalDataErased
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.ids import new_id
from shared.platform.database import Database, Transaction
from shared.platform.jobs import Work, start_job


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestErasure:
    """Forget an enterprise's persons, a member of staff, or a person of the directory."""

    subject_id: UUID
    kind: ErasedKind
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideErasure:
    """The second person's word."""

    erasure_id: UUID
    approve: bool


async def request_erasure(command: RequestErasure, tx: Transaction) -> Erasure:
    """Ask for a subject to be forgotten; nothing happens before someone else agrees.

    Raises: NotFound `enterprise.unknown`, `staff.unknown`; BadInput `change.reason_missing`;
    Conflict `erasure.requested_before`.
    """
    basis = stated(command.basis)
    await _must_exist(tx, command.subject_id, command.kind)
    if await store.is_open(tx, command.subject_id):
        raise Conflict("erasure.requested_before", "已有删除申请或已经删除")
    erasure = Erasure(
        erasure_id=new_id(),
        subject_id=command.subject_id,
        kind=command.kind,
        basis=basis,
        state="requested",
        requested_by=tx.principal.name,
        requested_at=tx.now,
    )
    await store.add(tx, erasure)
    tx.audit("erasure.requested", command.subject_id, after={"erasure_id": erasure.erasure_id})
    return erasure


async def _must_exist(tx: Transaction, subject_id: UUID, kind: ErasedKind) -> None:
    if kind == "enterprise":
        await seen(tx, subject_id)
        return
    found = tx.principal.sees_all and (
        await store.staff_exists(tx, subject_id)
        if kind == "staff"
        else await parties.kind_of(tx, subject_id) in PERSONS
    )
    if not found:
        raise NotFound("staff.unknown", "没有这名人员")


async def decide_erasure(command: DecideErasure, tx: Transaction) -> Erasure:
    """Refuse, or destroy the key: from then on nobody can read the data, here or in a backup.

    Counts, figures and the trail of who looked stay.

    Raises: NotFound `erasure.unknown`; Conflict `erasure.decided`; Refused
    `approval.same_person`.
    """
    erasure = await store.find(tx, command.erasure_id, lock=True)
    if erasure is None:
        raise NotFound("erasure.unknown", "没有这条删除申请")
    if erasure.state != "requested":
        raise Conflict("erasure.decided", "这条删除申请已经复核")
    check_second_person(erasure.requested_by, tx.principal.name)
    if command.approve:
        await store.decide(tx, erasure, "approved", await _forget(tx, erasure))
    else:
        await store.decide(tx, erasure, "refused", None)
    action = "erasure.approved" if command.approve else "erasure.refused"
    tx.audit(action, erasure.subject_id, after={"erasure_id": erasure.erasure_id})
    return await store.find(tx, command.erasure_id) or erasure


async def _forget(tx: Transaction, erasure: Erasure) -> dict[str, Any]:
    gone = await store.forget(tx, erasure.subject_id, erasure.kind)
    if gone.uploads:
        await start_job(tx, "remove_uploads", {"uploads": [each.hex for each in gone.uploads]})
    tx.emit(
        PersonalDataErased(
            subject_id=erasure.subject_id,
            kind=erasure.kind,  # pyright: ignore[reportArgumentType] - checked on entry
            erased_on=tx.today,
        )
    )
    receipt: dict[str, Any] = {
        "erasure_id": str(erasure.erasure_id),
        "subject_id": str(erasure.subject_id),
        "kind": erasure.kind,
        "keys_destroyed": gone.keys,
        "records_removed": gone.records,
        "fingerprints_replaced": gone.fingerprints,
        "sheets_destroyed": len(gone.uploads),
        "requested_by": erasure.requested_by,
        "approved_by": tx.principal.name,
        "erased_at": tx.now.isoformat(),
    }
    digest = hashlib.sha256(msgspec.json.encode(receipt, order="sorted")).hexdigest()
    return receipt | {"sha256": digest}


async def remove_uploads(work: Work) -> dict[str, Any]:
    """Remove the files of uploads whose keys are destroyed: they are noise by now."""
    settings: Settings = work.settings
    uploads = [UUID(each) for each in work.params["uploads"]]
    await asyncio.to_thread(remove_files, settings.upload_dir, uploads)
    return {"removed": len(uploads)}


async def forget_old_uploads(database: Database, settings: Settings) -> int:
    """Throw away the sheets whose time is over, and what crashes left beside them."""
    async with database.transaction() as tx:
        old = await old_uploads(tx, days=settings.upload_days)
        gone = await forget_uploads(tx, old)
    await asyncio.to_thread(remove_files, settings.upload_dir, gone)
    await asyncio.to_thread(remove_leftovers, settings.upload_dir)
    return len(gone)


async def find_erasure(tx: Transaction, erasure_id: UUID) -> Erasure:
    """A request, for those who decide and for the subject itself.

    Raises: NotFound `erasure.unknown`.
    """
    erasure = await store.find(tx, erasure_id)
    own = tx.principal.enterprise_id
    if erasure is None or (own is not None and erasure.subject_id != own):
        raise NotFound("erasure.unknown", "没有这条删除申请")
    return erasure


async def list_erasures(tx: Transaction, after: UUID | None, limit: int) -> list[Erasure]:
    """Requests: the enterprise sees its own."""
    own = tx.principal.enterprise_id if tx.principal.role == "enterprise" else None
    return await store.find_all(tx, subject_id=own, after=after, limit=limit)

"""Merge and un-merge, rename, and say how an enterprise was found (R2, R3, R9)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.registry.domain.cells import name_of
from services.registry.domain.life import (
    Disposition,
    check_day,
    check_merger,
    check_second_person,
    stated,
)
from services.registry.store import life as store
from services.registry.store.imports import lock_kind
from services.registry.store.life import DispositionRecord, FormerName, Merger
from services.registry.store.queries import Enterprise, find_enterprise
from services.registry.usecases.vault import seen
from shared.contracts.registry import EnterpriseDisposed, EnterprisesMerged, EnterprisesUnmerged
from shared.kernel.errors import BadInput, Conflict, NotFound
from shared.kernel.ids import new_id
from shared.platform.database import Transaction
from shared.platform.jobs import start_job
from shared.platform.web import must_match


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """`merged_id` is the same enterprise as `survivor_id`, from a day on."""

    survivor_id: UUID
    merged_id: UUID
    merged_on: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmerge:
    """The merger was an error."""

    merger_id: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """The enterprise has another name from a day on."""

    enterprise_id: UUID
    expected_version: int
    name: str
    valid_from: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispose:
    """How the enterprise was found, with the evidence for it."""

    enterprise_id: UUID
    kind: Disposition
    disposed_on: date
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideDisposition:
    """The bureau's word on a claim."""

    disposition_id: UUID
    approve: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Named:
    """An enterprise with the names it had."""

    enterprise: Enterprise
    former_names: list[FormerName]


async def merge(command: Merge, tx: Transaction) -> Merger:
    """Let two enterprises count as one from a day on; earlier figures stay (R3).

    Raises: NotFound `enterprise.unknown`; BadInput `merge.same`, `change.reason_missing`; Conflict
    `merge.already_merged`, `merge.chain`; RuleViolation `change.in_future`.
    """
    reason = stated(command.reason)
    check_day(command.merged_on, tx.today)
    both = [command.survivor_id, command.merged_id]
    for each in both:
        await seen(tx, each)
    await lock_kind(tx, "enterprises")  # an import holds rows in an order of its own
    now = await store.lock_enterprises(tx, both)
    check_merger(
        *both,
        survivor_is_gone=now[command.survivor_id] is not None,
        merged_is_gone=now[command.merged_id] is not None,
        merged_holds_others=await store.holds_others(tx, command.merged_id),
    )
    merger = Merger(
        merger_id=new_id(),
        survivor_id=command.survivor_id,
        merged_id=command.merged_id,
        merged_on=command.merged_on,
        reason=reason,
        recorded_by=tx.principal.name,
        recorded_at=tx.now,
    )
    await store.add_merger(tx, merger)
    tx.emit(
        *(
            EnterprisesMerged(
                enterprise_id=each,
                merger_id=merger.merger_id,
                survivor_id=merger.survivor_id,
                merged_id=merger.merged_id,
                merged_on=merger.merged_on,
            )
            for each in both
        )
    )
    after = {"merger_id": merger.merger_id, "survivor_id": merger.survivor_id}
    tx.audit("enterprise.merged", merger.merged_id, after=after | {"on": merger.merged_on})
    return merger


async def unmerge(command: Unmerge, tx: Transaction) -> Merger:
    """Take a merger back: both count again as if it had never been (R3).

    Raises: NotFound `merge.unknown`; Conflict `merge.undone_before`; BadInput
    `change.reason_missing`.
    """
    reason = stated(command.reason)
    merger = await store.find_merger(tx, command.merger_id)
    if merger is None or await find_enterprise(tx, merger.survivor_id) is None:
        raise NotFound("merge.unknown", "没有这次合并")
    if merger.undone_on:
        raise Conflict("merge.undone_before", "这次合并已经撤销")
    await store.undo_merger(tx, merger, reason)
    tx.emit(
        *(
            EnterprisesUnmerged(
                enterprise_id=each,
                merger_id=merger.merger_id,
                survivor_id=merger.survivor_id,
                merged_id=merger.merged_id,
                unmerged_on=tx.today,
            )
            for each in (merger.survivor_id, merger.merged_id)
        )
    )
    tx.audit("enterprise.unmerged", merger.merged_id, after={"merger_id": merger.merger_id})
    return await store.find_merger(tx, command.merger_id) or merger


async def mergers_of(tx: Transaction, enterprise_id: UUID) -> list[Merger]:
    """The mergers an enterprise had part in.

    Raises: NotFound `enterprise.unknown`.
    """
    await seen(tx, enterprise_id)
    return await store.mergers_of(tx, enterprise_id)


async def rename(command: Rename, tx: Transaction) -> Named:
    """Enter a new name; the old one stays known (R2, R3).

    Raises: NotFound `enterprise.unknown`; Conflict 412 `version.stale`; BadInput `name.unchanged`,
    `change.reason_missing`; RuleViolation `change.in_future`.
    """
    now = await find_enterprise(tx, command.enterprise_id, lock=True)
    if now is None:
        raise NotFound("enterprise.unknown", "没有这家企业,或不在您的管辖范围内")
    must_match(command.expected_version, now.version)
    reason = stated(command.reason)
    check_day(command.valid_from, tx.today)
    name = name_of(command.name)
    if not name or name == now.name:
        raise BadInput("name.unchanged", "新名称与现名称相同或为空")
    await store.rename(
        tx, now.enterprise_id, old=now.name, new=name, valid_from=command.valid_from, reason=reason
    )
    await start_job(tx, "spell", {})
    tx.audit(
        "enterprise.renamed",
        now.enterprise_id,
        before={"name": now.name},
        after={"name": name, "valid_from": command.valid_from},
    )
    return await named(tx, command.enterprise_id)


async def named(tx: Transaction, enterprise_id: UUID) -> Named:
    """An enterprise with the names it had.

    Raises: NotFound `enterprise.unknown`.
    """
    enterprise = await seen(tx, enterprise_id)
    return Named(enterprise, await store.former_names(tx, enterprise_id))


async def dispose(command: Dispose, tx: Transaction) -> DispositionRecord:
    """Say that an enterprise is cancelled, moved, unreachable, refuses, or has no need (R9).

    Nothing counts differently before the bureau agrees.

    Raises: NotFound `enterprise.unknown`; BadInput `change.reason_missing`; Conflict
    `disposition.waiting`; RuleViolation `change.in_future`.
    """
    evidence = stated(command.evidence)
    check_day(command.disposed_on, tx.today)
    await seen(tx, command.enterprise_id)
    await store.lock_enterprises(tx, [command.enterprise_id])
    if await store.waiting(tx, command.enterprise_id):
        raise Conflict("disposition.waiting", "这家企业已有一条待复核的处置申请")
    record = DispositionRecord(
        disposition_id=new_id(),
        enterprise_id=command.enterprise_id,
        kind=command.kind,
        disposed_on=command.disposed_on,
        evidence=evidence,
        state="claimed",
        claimed_by=tx.principal.name,
        institution_id=tx.principal.institution_id,
        claimed_at=tx.now,
    )
    await store.add_disposition(tx, record)
    tx.audit("disposition.claimed", command.enterprise_id, after={"kind": command.kind})
    return record


async def decide_disposition(command: DecideDisposition, tx: Transaction) -> DispositionRecord:
    """Agree to a claim, or refuse it; never one's own (R9).

    Raises: NotFound `disposition.unknown`; Conflict `disposition.decided`; Refused
    `approval.same_person`; BadInput `change.reason_missing`.
    """
    record = await store.find_disposition(tx, command.disposition_id)
    if record is None:
        raise NotFound("disposition.unknown", "没有这条处置申请,或不在您的管辖范围内")
    if record.state != "claimed":
        raise Conflict("disposition.decided", "这条处置申请已经复核")
    check_second_person(record.claimed_by, tx.principal.name)
    state = "approved" if command.approve else "refused"
    await store.decide(tx, record, state, stated(command.reason))
    if command.approve:
        tx.emit(
            EnterpriseDisposed(
                enterprise_id=record.enterprise_id,
                disposition_id=record.disposition_id,
                kind=record.kind,  # pyright: ignore[reportArgumentType] - checked on entry
                disposed_on=record.disposed_on,
            )
        )
    tx.audit(f"disposition.{state}", record.enterprise_id, after={"kind": record.kind})
    return await store.find_disposition(tx, command.disposition_id) or record

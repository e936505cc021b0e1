"""A person decides on a doubtful row: take it, put right or as a known enterprise, or refuse it."""

from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

import msgspec

from services.registry.domain.life import stated
from services.registry.domain.records import RECORDS, AnyRecord, Rejected
from services.registry.settings import Settings
from services.registry.store import imports as store
from services.registry.store.files import opened
from services.registry.store.imports import Import, RowOutcome, WaitingRow
from services.registry.usecases.checking import Chunk, Failed
from services.registry.usecases.importing import checking, frames
from services.registry.usecases.imports import find_import
from services.registry.usecases.taking import TAKE
from services.registry.usecases.vault import seen
from shared.kernel.errors import BadInput, Conflict, FieldError, NotFound
from shared.platform.database import Database, Transaction
from shared.platform.principal import Principal

Decision = Literal["take", "existing", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRow:
    """What is to become of a row, by whom it is the same, what is put right in it, and why."""

    import_id: UUID
    row: int
    decision: Decision
    enterprise_id: UUID | None
    corrections: dict[str, str]
    reason: str
    checked: AnyRecord | Rejected | None = None


async def waiting_rows(
    tx: Transaction, after: tuple[UUID, int] | None, limit: int
) -> list[WaitingRow]:
    """Doubtful rows of finished imports that nobody has decided on: a bank's head sees its own."""
    own = None if tx.principal.sees_all else tx.principal.institution_id
    return await store.waiting_rows(tx, institution_id=own, after=after, limit=limit)


async def corrections_of(tx: Transaction, command: DecideRow) -> tuple[Import, dict[str, str]]:
    """The import, and the row's cells as they are to be read.

    Raises: NotFound `import.unknown`, `enterprise.unknown`; BadInput `row.enterprise_missing`.
    """
    job = (await find_import(tx, command.import_id)).job
    if command.decision != "existing":
        return job, command.corrections
    if command.enterprise_id is None or job.kind != "enterprises":
        raise BadInput("row.enterprise_missing", "请指明这一行是哪家企业")
    known = await seen(tx, command.enterprise_id)
    return job, command.corrections | {"uscc": known.uscc}


async def with_row(
    database: Database, settings: Settings, principal: Principal, command: DecideRow
) -> DecideRow:
    """The decision with the row it is on, read again before the transaction that settles it."""
    async with database.read(principal) as tx:
        job, corrections = await corrections_of(tx, command)
    checked = await check_again(database, settings, job, command.row, corrections)
    return replace(command, checked=checked)


async def check_again(
    database: Database, settings: Settings, job: Import, row: int, corrections: dict[str, str]
) -> AnyRecord | Rejected:
    """Read one row of the uploaded file again, with some cells put right.

    Raises: Conflict `file.gone`; BadInput `row.unknown`, and what a file can have.
    """
    fixed = msgspec.json.encode(corrections).decode()
    async with (
        opened(database, settings.upload_dir, job.digest) as content,
        checking(settings, "row", job, content, str(row), fixed) as process,
    ):
        async for frame in frames(process):
            if isinstance(frame, Failed):
                raise BadInput(frame.code, frame.title, frame.detail)
            if isinstance(frame, Chunk):
                taken = msgspec.msgpack.decode(frame.taken, type=list[RECORDS[job.kind]])
                return taken[0] if taken else frame.rejected[0]
    raise BadInput("row.unknown", "文件中没有这一行")


async def decide_row(command: DecideRow, tx: Transaction) -> RowOutcome:
    """Settle a doubtful row; who decided what and why is kept with it.

    Raises: NotFound `import.unknown`, `row.unknown`; Conflict `row.decided`, `row.only_checked`,
    `row.still_doubtful`; BadInput `row.still_wrong`, `change.reason_missing`.
    """
    reason = stated(command.reason)
    job = (await find_import(tx, command.import_id)).job
    if job.dry_run or job.state != "done":
        raise Conflict("row.only_checked", "这次导入只是核对,或尚未完成")
    now = await store.lock_row(tx, command.import_id, command.row)
    if now is None:
        raise NotFound("row.unknown", "文件中没有这一行")
    if now.outcome != "doubtful":
        raise Conflict("row.decided", "这一行已经处理")
    outcome, change = await _settle(command, job, tx)
    await store.settle_row(tx, command.import_id, now, outcome, change)
    await store.add_decision(
        tx,
        command.import_id,
        command.row,
        decision=command.decision,
        enterprise_id=command.enterprise_id,
        corrections=command.corrections,
        reason=reason,
    )
    tx.audit(
        "import.row_decided",
        command.import_id,
        after={"row": command.row, "decision": command.decision, "outcome": outcome},
    )
    return RowOutcome(now.row, outcome, change, now.key, now.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenRow:
    """A row was refused in error: it waits for a person again."""

    import_id: UUID
    row: int
    reason: str


async def reopen_row(command: ReopenRow, tx: Transaction) -> RowOutcome:
    """Put a refused row back into the queue, with why; who refused it stays in the audit trail.

    Raises: NotFound `import.unknown`, `row.unknown`; Conflict `row.not_refused`; BadInput
    `change.reason_missing`.
    """
    reason = stated(command.reason)
    await find_import(tx, command.import_id)
    now = await store.lock_row(tx, command.import_id, command.row)
    if now is None:
        raise NotFound("row.unknown", "文件中没有这一行")
    if not await store.reopen_row(tx, command.import_id, command.row, reason):
        raise Conflict(
            "row.not_refused",
            "这一行不是由人工确定不导入的",
            "已导入的请在企业档案中更正或撤销合并;文件本身有误的请更正后重新导入",
        )
    tx.audit("import.row_reopened", command.import_id, after={"row": command.row})
    return replace(now, outcome="doubtful")


async def _settle(command: DecideRow, job: Import, tx: Transaction) -> tuple[str, str]:
    if command.decision == "refuse":
        return "refused", ""
    row = command.checked
    if row is None or isinstance(row, Rejected):
        raise _still_wrong(row)
    await store.lock_kind(tx, job.kind)
    (outcome,) = await TAKE[job.kind](tx, job, [row])
    if outcome.outcome == "taken":
        return "taken", outcome.change
    # Who stands on a list stays as it stands there (R4): the row says nothing new.
    if command.decision == "existing" and outcome.reasons[0].code == "list.conflict":
        return "taken", "unchanged"
    why = "、".join(each.message for each in outcome.reasons)
    raise Conflict("row.still_doubtful", "这一行仍有疑问", why)


def _still_wrong(row: Rejected | None) -> BadInput:
    reasons: tuple[Any, ...] = row.reasons if row else ()
    errors = [FieldError(each.column, each.code, each.message) for each in reasons]
    return BadInput("row.still_wrong", "这一行仍不能导入", "请更正所列各栏", errors=errors)

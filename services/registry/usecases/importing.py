"""The import job: check a file in the checking process and take its rows.

All of an import is one transaction: rows, their outcomes, events and the word that it is through.
A job that dies leaves nothing behind and is begun again from the first row.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn
from uuid import UUID

import msgspec

from services.registry.domain.masks import without_numbers
from services.registry.domain.records import RECORDS, AnyRecord, Rejected
from services.registry.settings import Settings
from services.registry.store import enterprises, facts
from services.registry.store.files import opened
from services.registry.store.imports import (
    FINISHED,
    Counts,
    Import,
    RowOutcome,
    add_chunk,
    clock,
    counts_of,
    end_import,
    find_import,
    lock_kind,
    set_import,
)
from services.registry.usecases.checking import LENGTH, Chunk, Failed, Frame, Opened
from services.registry.usecases.taking import TAKE, dropped
from shared.contracts.registry import ListImported
from shared.kernel.errors import BadInput, Conflict, NotFound
from shared.platform.database import Transaction
from shared.platform.jobs import Work, start_job
from shared.platform.principal import Principal

CHUNKS_A_STEP: Final = 4  # progress is shown so often, for telling it is a transaction as well
TOO_COSTLY: Final = Failed("file.too_large", "文件无法在限定的内存和时间内读取", "请拆分后分次上传")
GIVEN_UP: Final = Failed(
    "import.given_up",
    "导入多次中断,已停止",
    "文件中的行一行也没有导入;请重新上传同一文件,若再次出现请联系平台管理员",
)
_DECODE: Final = msgspec.msgpack.Decoder(Frame).decode


class _Unfit(Exception):
    """The file cannot be taken; what was taken of it is taken back."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.code)
        self.failed = failed


async def run_import(work: Work) -> dict[str, Any]:
    """Do one import."""
    import_id = UUID(work.params["import_id"])
    settings: Settings = work.settings
    job = await _begin(work, import_id)
    if job.state not in FINISHED:
        try:
            async with (
                opened(work.database, settings.upload_dir, job.digest) as content,
                checking(settings, "check", job, content) as process,
            ):
                job = await _take_file(work, job, process)
        except asyncio.IncompleteReadError:
            await _fail(work, job, TOO_COSTLY)
        except Conflict as gone:
            await _fail(work, job, Failed(gone.code, gone.title, gone.detail))
        except _Unfit as unfit:
            await _fail(work, job, unfit.failed)
    if job.state == "done" and job.kind == "enterprises":
        await _make_names_found(work)
    return {"import_id": str(import_id), "state": job.state}


async def _make_names_found(work: Work) -> None:
    async with work.transaction() as tx:
        await lock_kind(tx, "enterprises")
        await enterprises.make_names_found(tx)
        await start_job(tx, "spell", {})


async def _begin(work: Work, import_id: UUID) -> Import:
    async with work.transaction() as tx:
        job = await find_import(tx, import_id)
        if job is None:
            raise NotFound("import.unknown", "没有这次导入")
        if job.state == "queued":
            await set_import(tx, import_id, state="reading")
    return job


def _actor(job: Import) -> Principal:
    return Principal(account_id=job.account_id, role=job.role, institution_id=job.institution_id)


@asynccontextmanager
async def checking(
    settings: Settings, task: str, job: Import, content: int, *more: str
) -> AsyncIterator[Process]:
    """Start the checking process: without this one's environment, with limited memory and time.

    It gets the file as an open descriptor; what is in it is on no disk.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.registry.usecases.checking",
        task,
        f"/dev/fd/{content}",
        job.kind,
        job.sheet,
        str(settings.read_memory_bytes),
        str(settings.read_cpu_seconds),
        job.mapping,
        *more,
        stdin=PIPE,
        stdout=PIPE,
        limit=1 << 22,
        pass_fds=(content,),
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            try:
                async with asyncio.timeout(2):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def frames(process: Process) -> AsyncIterator[Frame]:
    """Yield what the checking process says.

    Raises: IncompleteReadError, where it died (killed by its limits).
    """
    if process.stdout is None:
        raise AssertionError("the process was started with a pipe")
    while True:
        try:
            head = await process.stdout.readexactly(LENGTH.size)
        except asyncio.IncompleteReadError as end:
            if end.partial or await process.wait():
                raise
            return
        yield _DECODE(await process.stdout.readexactly(*LENGTH.unpack(head)))


async def _take_file(work: Work, job: Import, process: Process) -> Import:
    """Take the whole file in one transaction; the import as it then is.

    Raises: _Unfit; IncompleteReadError, where the checking process died.
    """
    decode = msgspec.msgpack.Decoder(list[RECORDS[job.kind]]).decode
    total = number = seen = 0
    async with work.database.transaction(_actor(job)) as tx:
        job = await _alone(tx, job)
        if job.state in FINISHED:  # by a worker that was taken for dead
            return job
        async for frame in frames(process):
            match frame:
                case Failed():
                    raise _Unfit(frame)
                case Opened():
                    total = frame.rows
                    await _opened(work, job, frame)
                case Chunk():
                    number, seen = number + 1, seen + frame.rows
                    await _take_chunk(tx, job, number, frame, decode(frame.taken))
                    if number % CHUNKS_A_STEP == 0:
                        saying = "正在核对" if job.dry_run else "正在导入"
                        await work.progress(min(seen / total, 0.99), saying)
        return await _finish(tx, job)


async def _alone(tx: Transaction, job: Import) -> Import:
    """Wait until no other import of this kind runs; what it brought is then compared with."""
    await lock_kind(tx, job.kind)
    now = await find_import(tx, job.import_id) or job
    vintage = now.list_vintage
    baseline = await enterprises.latest_vintage(tx, vintage) if vintage else None
    return replace(now, baseline=baseline)


async def _opened(work: Work, job: Import, opened: Opened) -> None:
    async with work.transaction() as tx:
        await set_import(
            tx,
            job.import_id,
            sheet_read=opened.sheet,
            columns=opened.columns,
            headers=list(opened.headers),
            rows=opened.rows,
            blank=opened.blank,
            skipped=[list(each) for each in opened.skipped],
        )


async def _take_chunk(
    tx: Transaction, job: Import, number: int, chunk: Chunk, rows: Sequence[AnyRecord]
) -> None:
    outcomes = await TAKE[job.kind](tx, job, rows)
    outcomes.extend(map(_rejected, chunk.rejected))
    await add_chunk(tx, job.import_id, number, _count(outcomes), outcomes)
    await tx.flush()  # a province's events do not wait in memory for the last row


def _rejected(row: Rejected) -> RowOutcome:
    return RowOutcome(row.row, row.outcome, "", without_numbers(row.key), row.reasons)


def _count(outcomes: Sequence[RowOutcome]) -> Counts:
    counts = Counts(rows=len(outcomes))
    for each in outcomes:
        name = each.outcome
        setattr(counts, name, getattr(counts, name) + 1)
        if each.change:
            setattr(counts, each.change, getattr(counts, each.change) + 1)
    return counts


async def _fail(work: Work, job: Import, failed: Failed) -> NoReturn:
    async with work.database.transaction(_actor(job)) as tx:
        read = {"headers": list(failed.headers), "columns": failed.columns}
        await _end_failed(tx, job.import_id, failed, **read)
    raise BadInput(failed.code, failed.title, failed.detail)


async def _end_failed(tx: Transaction, import_id: UUID, failed: Failed, **read: Any) -> None:
    """Say it, with what was `read` of the sheet; where the end was told before, that stands."""
    error = {"code": failed.code, "title": failed.title, "detail": failed.detail}
    if await end_import(tx, import_id, "failed", error=error, finished_at=tx.now, **read):
        tx.audit("import.failed", import_id, after={"code": failed.code})


async def import_given_up(tx: Transaction, params: dict[str, Any]) -> None:
    """The job ended: an import it has said nothing of has failed, and may be sent again.

    Nothing of it was taken, for all of an import is one transaction.
    """
    await _end_failed(tx, UUID(params["import_id"]), GIVEN_UP)


async def _finish(tx: Transaction, job: Import) -> Import:
    (counts,) = await counts_of(tx, job.import_id)
    gone = await dropped(tx, job, found_before=_found_before(job, counts))
    state = "checked" if job.dry_run else "done"
    names_stay = job.dry_run or job.kind != "enterprises"
    end = await clock(tx)  # long after `tx.now`: what the file says was not known then
    if job.kind == "facts" and not job.dry_run:
        await facts.known_from(tx, end)
    if not await end_import(
        tx,
        job.import_id,
        state,
        baseline=job.baseline,
        names_found=names_stay,
        dropped=gone,
        finished_at=end,
    ):
        raise _Unfit(GIVEN_UP)  # this worker was taken for dead, and people were told so
    if not job.dry_run:
        _announce(tx, job, counts)
    return replace(job, state=state)


def _announce(tx: Transaction, job: Import, counts: Counts) -> None:
    if job.kind == "enterprises" and job.list_vintage:
        tx.emit(
            ListImported(
                import_id=job.import_id,
                list_vintage=job.list_vintage,
                rows=counts.rows,
                taken=counts.taken,
                refused=counts.refused,
                doubtful=counts.doubtful,
                imported_on=tx.today,
            )
        )
    tx.audit(
        "import.taken",
        job.import_id,
        after={"kind": job.kind, "list_vintage": job.list_vintage}
        | msgspec.to_builtins(counts)
        | {"digest": job.digest},
    )


def _found_before(job: Import, counts: Counts) -> int:
    # A bank's table already holds the rows just entered; a list is compared with one before.
    entered = 0 if job.kind == "enterprises" or job.dry_run else counts.new
    return counts.changed + counts.unchanged + entered

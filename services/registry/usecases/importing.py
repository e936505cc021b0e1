"""The import job: check a file in the checking process and take its rows, chunk by chunk.

A chunk is one transaction: rows, their outcomes, events, and the chunk's own key. A job that begins
again checks the file again, gets the same chunks and leaves out those that are written.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from services.registry.domain.masks import without_numbers
from services.registry.domain.records import RECORDS, AnyRecord, Rejected
from services.registry.settings import Settings
from services.registry.store import enterprises
from services.registry.store.bulk import execute
from services.registry.store.files import opened
from services.registry.store.imports import (
    Counts,
    Import,
    RowOutcome,
    add_chunk,
    counts_of,
    done_chunks,
    find_import,
    set_import,
)
from services.registry.usecases.checking import LENGTH, Chunk, Failed, Frame, Opened
from services.registry.usecases.taking import TAKE, dropped
from shared.contracts.registry import ListImported
from shared.kernel.errors import BadInput, Conflict, NotFound
from shared.platform.database import Transaction
from shared.platform.jobs import Work, start_job
from shared.platform.principal import Principal

# Rows of a list do not touch each other; outlets of one new institution do.
AT_ONCE: Final = {"enterprises": 2}
CHUNKS_A_STEP: Final = 4  # progress is shown so often, for telling it is a transaction as well
TOO_COSTLY: Final = Failed("file.too_large", "文件无法在限定的内存和时间内读取", "请拆分后分次上传")
_DECODE: Final = msgspec.msgpack.Decoder(Frame).decode


async def run_import(work: Work) -> dict[str, Any]:
    """Do one import."""
    import_id = UUID(work.params["import_id"])
    settings: Settings = work.settings
    async with work.transaction() as tx:
        job = await _begin(tx, import_id)
        done = await done_chunks(tx, import_id)
    if job.state in ("done", "checked", "failed"):
        await _make_names_found(work, job)
        return {"import_id": str(import_id), "state": job.state}
    try:
        async with (
            opened(work.database, settings.upload_dir, job.digest) as content,
            checking(settings, "check", job, content) as process,
        ):
            failed = await _take_frames(work, job, process, done)
    except asyncio.IncompleteReadError:
        failed = TOO_COSTLY
    except Conflict as gone:
        failed = Failed(gone.code, gone.title, gone.detail)
    if failed:
        async with work.database.transaction(_actor(job)) as tx:
            await _fail(tx, job, failed)
        raise BadInput(failed.code, failed.title, failed.detail)
    async with work.database.transaction(_actor(job)) as tx:
        result = await _finish(tx, job)
    await _make_names_found(work, job)
    return result


async def _make_names_found(work: Work, job: Import) -> None:
    if job.kind == "enterprises" and not job.dry_run:
        async with work.transaction() as tx:
            await enterprises.make_names_found(tx)
            await start_job(tx, "spell", {})


async def _begin(tx: Transaction, import_id: UUID) -> Import:
    job = await find_import(tx, import_id)
    if job is None:
        raise NotFound("import.unknown", "没有这次导入")
    if job.state != "queued":
        return job
    # Pinned now: the import's own rows must not become what it is compared with.
    vintage = job.list_vintage
    baseline = await enterprises.latest_vintage(tx, vintage) if vintage else None
    names_stay = job.dry_run or job.kind != "enterprises"
    await set_import(tx, import_id, state="reading", baseline=baseline, names_found=names_stay)
    begun = await find_import(tx, import_id)
    return begun or job


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


async def _take_frames(work: Work, job: Import, process: Process, done: set[int]) -> Failed | None:
    decode = msgspec.msgpack.Decoder(list[RECORDS[job.kind]]).decode
    total = number = 0
    writing: set[asyncio.Task[None]] = set()
    try:
        async for frame in frames(process):
            match frame:
                case Failed():
                    return frame
                case Opened():
                    total = frame.rows
                    await _opened(work, job, frame)
                case Chunk():
                    number += 1
                    if number in done:
                        continue
                    while len(writing) >= AT_ONCE.get(job.kind, 1):
                        writing = await _some_done(writing)
                    rows = decode(frame.taken)
                    write = _write_chunk(work, job, number, frame, rows, total=total)
                    writing.add(asyncio.create_task(write))
        while writing:
            writing = await _some_done(writing)
    finally:
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
    return None


async def _some_done(writing: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    ready, pending = await asyncio.wait(writing, return_when=asyncio.FIRST_COMPLETED)
    for task in ready:
        task.result()
    return pending


async def _opened(work: Work, job: Import, opened: Opened) -> None:
    async with work.transaction() as tx:
        await set_import(
            tx,
            job.import_id,
            sheet_read=opened.sheet,
            columns=opened.columns,
            rows=opened.rows,
            blank=opened.blank,
            skipped=[list(each) for each in opened.skipped],
        )


async def _write_chunk(
    work: Work, job: Import, number: int, chunk: Chunk, rows: Sequence[AnyRecord], *, total: int
) -> None:
    try:
        await _write_chunk_once(work, job, number, chunk, rows)
    except asyncpg.UniqueViolationError:
        # Another import entered one of these rows in between: look again, then write.
        await _write_chunk_once(work, job, number, chunk, rows)
    if total and number % CHUNKS_A_STEP == 0:
        share = min(number * chunk.rows / total, 0.99)
        await work.progress(share, "正在核对" if job.dry_run else "正在导入")


async def _write_chunk_once(
    work: Work, job: Import, number: int, chunk: Chunk, rows: Sequence[AnyRecord]
) -> None:
    async with work.database.transaction(_actor(job)) as tx:
        # A chunk lost with the machine is written again by the same job; what the relay moves, and
        # the end of the import, wait until all before them is on disk.
        await execute(tx, "set local synchronous_commit to off")
        outcomes = await TAKE[job.kind](tx, job, rows)
        outcomes.extend(map(_rejected, chunk.rejected))
        await add_chunk(tx, job.import_id, number, _count(outcomes), outcomes)


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


async def _fail(tx: Transaction, job: Import, failed: Failed) -> None:
    error = {"code": failed.code, "title": failed.title, "detail": failed.detail}
    await set_import(tx, job.import_id, state="failed", error=error, finished_at=tx.now)
    tx.audit("import.failed", job.import_id, after={"code": failed.code})


async def _finish(tx: Transaction, job: Import) -> dict[str, Any]:
    counts = await counts_of(tx, job.import_id)
    gone = await dropped(tx, job, found_before=_found_before(job, counts))
    state = "checked" if job.dry_run else "done"
    await set_import(tx, job.import_id, state=state, dropped=gone, finished_at=tx.now)
    if not job.dry_run:
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
    return {"import_id": str(job.import_id), "state": state}


def _found_before(job: Import, counts: Counts) -> int:
    # A bank's table already holds the rows just entered; a list is compared with one before.
    entered = 0 if job.kind == "enterprises" or job.dry_run else counts.new
    return counts.changed + counts.unchanged + entered

"""Long work: a row in `job`, done by the service's worker, watched by its caller.

A job survives restarts: a worker that dies leaves it to the next one, which begins it again.
What a handler writes can therefore be begun again: it is one transaction, or steps that find
nothing left to do where an earlier attempt did them.

A job that fails, or is given up after MAX_ATTEMPTS, takes its ending with it: what the service
says then of the thing the job was for, in the transaction that closes the job.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.kernel.errors import NotFound, YinqiError
from shared.kernel.ids import new_id
from shared.platform.connections import connect_system
from shared.platform.database import Database, Transaction
from shared.platform.logging import TRACE, log, new_trace
from shared.platform.pool import is_transient, savepoint

STALE_SECONDS = 15
BEAT_SECONDS = 3
POLL_SECONDS = 0.5
MAX_ATTEMPTS = 5
GIVEN_UP = "任务多次中断,已停止;请重新发起,若再次出现请联系平台管理员"
BROKEN = "任务出错,已停止;请联系平台管理员"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its caller sees it; `progress` runs from 0 to 1."""

    job_id: UUID
    kind: str
    params: dict[str, Any]
    state: str
    progress: float
    stage: str
    result: dict[str, Any] | None
    error: str | None
    created_at: datetime
    started_by: str


@dataclass(slots=True)
class Work:
    """What a job's handler works with."""

    job_id: UUID
    params: dict[str, Any]
    database: Database
    settings: Any
    attempt: int = 1

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction of the platform itself."""
        async with self.database.transaction() as tx:
            yield tx

    async def progress(self, fraction: float, stage: str) -> None:
        """Show how far the work has come; `stage` is a Chinese phrase."""
        async with self.database.transaction() as tx:
            await tx.connection.execute(
                text("update job set progress = :p, stage = :s where job_id = :id"),
                {"p": fraction, "s": stage, "id": self.job_id},
            )


JobHandler = Callable[[Work], Awaitable[dict[str, Any]]]
#: Says of what a job was for that it will not be done; gets the job's parameters.
JobEnding = Callable[[Transaction, dict[str, Any]], Awaitable[None]]


async def start_job(tx: Transaction, kind: str, params: dict[str, Any]) -> UUID:
    """Put a job in the queue, in the caller's transaction."""
    job_id = new_id()
    await tx.connection.execute(
        text(
            "insert into job (job_id, kind, params, created_at, started_by)"
            " values (:id, :kind, cast(:params as jsonb), :now, :by)"
        ),
        {
            "id": job_id,
            "kind": kind,
            "params": msgspec.json.encode(params).decode(),
            "now": tx.now,
            "by": tx.principal.name,
        },
    )
    return job_id


async def find_job(tx: Transaction, job_id: UUID) -> Job:
    """The job; only who started it, or someone who sees all, may look.

    Raises: NotFound `job.unknown`.
    """
    found = await tx.connection.execute(
        text(
            "select job_id, kind, params, state, progress, stage, result, error, created_at,"
            " started_by from job where job_id = :id"
        ),
        {"id": job_id},
    )
    row = found.one_or_none()
    if row is None or not (tx.principal.sees_all or row.started_by == tx.principal.name):
        raise NotFound("job.unknown", "没有这项任务")
    return Job(*row)


_GIVE_UP = (
    "update job set state = 'failed', error = :error, result = cast(:result as jsonb)"
    " where state = 'running' and attempts >= :most"
    " and beat_at < clock_timestamp() - make_interval(secs => :stale) returning kind, params"
)
_GIVEN_UP_CODE = '{"code": "job.given_up"}'


class JobRunner:
    """Takes queued jobs one at a time; run one or more of these per service."""

    def __init__(
        self,
        *,
        handlers: Mapping[str, JobHandler],
        database: Database,
        settings: Any,
        worker: str,
        endings: Mapping[str, JobEnding] | None = None,
    ) -> None:
        self._handlers = handlers
        self._endings = endings or {}
        self._database = database
        self._settings = settings
        self._worker = worker
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                connection = await connect_system(self._database.url)
                try:
                    await connection.add_listener("outbox", lambda *_: self._woken.set())
                    while not connection.is_closed():
                        await self._drain()
                        await self._rest()
                finally:
                    connection.terminate()
            except (
                OSError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                DBAPIError,
            ) as error:
                log().warning("jobs.reconnect", error=str(error))
                await asyncio.sleep(0.3)

    async def _rest(self) -> None:
        self._woken.clear()
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _drain(self) -> None:
        while work := await self._take():
            await self._do(*work)

    async def _take(self) -> tuple[str, Work] | None:
        async with self._database.transaction() as tx:
            dead = await tx.connection.execute(
                text(_GIVE_UP),
                {
                    "most": MAX_ATTEMPTS,
                    "stale": STALE_SECONDS,
                    "error": GIVEN_UP,
                    "result": _GIVEN_UP_CODE,
                },
            )
            for kind, params in dead.all():
                await self._end(tx, kind, params)
            found = await tx.connection.execute(
                text(
                    "update job set state = 'running', owner = :me, attempts = attempts + 1,"
                    " beat_at = clock_timestamp()"
                    " where job_id = (select job_id from job where kind ="
                    " any(:kinds) and (state = 'queued' or (state = 'running' and beat_at <"
                    " clock_timestamp() - make_interval(secs => :stale)))"
                    " order by created_at limit 1"
                    " for update skip locked) returning job_id, kind, params, attempts"
                ),
                {
                    "me": self._worker,
                    "kinds": list(self._handlers),
                    "stale": STALE_SECONDS,
                },
            )
            row = found.one_or_none()
        if row is None:
            return None
        return row.kind, Work(row.job_id, row.params, self._database, self._settings, row.attempts)

    async def _do(self, kind: str, work: Work) -> None:
        TRACE.set(new_trace())
        beat = asyncio.create_task(self._beat(work))
        try:
            result = await self._handlers[kind](work)
            async with self._database.transaction() as tx:
                await self._close(tx, work, "done", result, None)
        except YinqiError as error:
            await self._fail(kind, work, error.code, str(error))
        except Exception as error:
            log().error("job.interrupted", kind=kind, job=str(work.job_id), exc_info=True)
            if isinstance(error, OSError | DBAPIError) or is_transient(error):
                await self._again(kind, work, str(error))
            else:
                await self._fail(kind, work, "job.broken", f"{BROKEN}:{error!r}")
        finally:
            beat.cancel()

    async def _beat(self, work: Work) -> None:
        """Show that the work goes on; while the database is away, keep trying."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with self._database.transaction() as tx:
                    await tx.connection.execute(
                        text(
                            "update job set beat_at = clock_timestamp()"
                            " where job_id = :id and attempts = :attempt"
                        ),
                        {"id": work.job_id, "attempt": work.attempt},
                    )
            except (OSError, DBAPIError) as error:
                log().warning("job.beat", job=str(work.job_id), error=str(error))

    async def _again(self, kind: str, work: Work, error: str) -> None:
        await asyncio.sleep(1)
        if work.attempt >= MAX_ATTEMPTS:
            await self._fail(kind, work, "job.given_up", GIVEN_UP)
            return
        async with self._database.transaction() as tx:
            await tx.connection.execute(
                text(
                    "update job set error = :error, state = 'queued'"
                    " where job_id = :id and attempts = :attempt"
                ),
                {"id": work.job_id, "error": error, "attempt": work.attempt},
            )

    async def _fail(self, kind: str, work: Work, code: str, error: str) -> None:
        async with self._database.transaction() as tx:
            if await self._close(tx, work, "failed", {"code": code}, error):
                await self._end(tx, kind, work.params)

    async def _end(self, tx: Transaction, kind: str, params: dict[str, Any]) -> None:
        """Say what becomes of the thing; an ending that cannot stops no other job."""
        ending = self._endings.get(kind)
        if ending is None:
            return
        try:
            async with savepoint(await tx.driver()):
                await ending(tx, params)
        except Exception:
            log().error("job.ending", kind=kind, exc_info=True)

    async def _close(
        self,
        tx: Transaction,
        work: Work,
        state: str,
        result: dict[str, Any],
        error: str | None,
    ) -> bool:
        """Close the job, unless another worker has taken it over meanwhile."""
        done = await tx.connection.execute(
            text(
                "update job set state = :state, result = cast(:result as jsonb),"
                " error = :error,"
                " progress = case when :state = 'done' then 1 else progress end"
                " where job_id = :id and attempts = :attempt"
            ),
            {
                "id": work.job_id,
                "attempt": work.attempt,
                "state": state,
                "error": error,
                "result": msgspec.json.encode(result).decode(),
            },
        )
        return done.rowcount == 1

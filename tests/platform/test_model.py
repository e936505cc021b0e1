"""Any interleaving of writers, relays and crashes keeps the outbox's promise.

The invariant (W1): every event of a key is inserted by the transaction that holds the key's lock,
so the log holds each committed event once, each key's without a gap and in order, with dense
offsets. Hypothesis looks for a schedule of real transactions on a real PostgreSQL that breaks it.
"""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import asyncpg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.platform.database import _FLUSH, _event_columns
from shared.platform.embedded.postgres import Postgres
from shared.platform.floor import Floor
from shared.platform.relay import move
from tests.platform.bus import Bus

KEYS = ("a", "b", "c")


class Session:
    """One open transaction of a writer, perhaps waiting for another's lock."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.wrote: Counter[str] = Counter()
        self.waiting: asyncio.Task[Any] | None = None


class Outbox(RuleBasedStateMachine):
    """Writers that take their time, two relays, and crashes of both."""

    url: str
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.sessions: list[Session] = []
        self.committed: Counter[str] = Counter()
        self.floors = [Floor("outbox_id_seq"), Floor("outbox_id_seq")]
        self.do(self._clean())

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _clean(self) -> None:
        self.look = await asyncpg.connect(self.url)
        await self.look.execute(
            "truncate outbox, event_log, stream; update log_head set next_off = 0"
        )
        self.relays = [await asyncpg.connect(self.url) for _ in range(2)]

    @precondition(lambda self: len(self.sessions) < 4)
    @rule(early=st.booleans())
    def begin(self, early: bool) -> None:
        """A writer begins; perhaps it has its transaction id before any lock."""

        async def work() -> None:
            connection = await asyncpg.connect(self.url)
            await connection.execute("begin")
            if early:
                await connection.execute("select pg_current_xact_id()")
            self.sessions.append(Session(connection))

        self.do(work())

    def _idle(self) -> list[Session]:
        return [s for s in self.sessions if s.waiting is None]

    @precondition(lambda self: self._idle())
    @rule(pick=st.integers(0, 3), keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=3))
    def write(self, pick: int, keys: list[str]) -> None:
        """A writer flushes events; where a key is held by another, it waits."""
        session = self._idle()[pick % len(self._idle())]

        async def work() -> None:
            rows = _event_columns([(key, uuid4(), "t", 1, b"}") for key in keys])
            task = asyncio.ensure_future(session.connection.execute(_FLUSH, *rows))
            await asyncio.wait([task], timeout=0.03)
            session.wrote.update(keys)
            session.waiting = task
            await self._settle()

        self.do(work())

    async def _settle(self) -> None:
        """Those whose lock came free go on; a deadlock's victim is gone."""
        for session in list(self.sessions):
            if session.waiting is None:
                continue
            await asyncio.wait([session.waiting], timeout=0.03)
            if not session.waiting.done():
                continue
            failed = session.waiting.exception()
            session.waiting = None
            if failed:
                assert isinstance(failed, asyncpg.DeadlockDetectedError), failed
                self.sessions.remove(session)
                session.connection.terminate()

    @precondition(lambda self: self._idle())
    @rule(pick=st.integers(0, 3), how=st.sampled_from(["commit", "commit", "rollback", "crash"]))
    def end(self, pick: int, how: str) -> None:
        """A writer commits, rolls back, or is killed."""
        session = self._idle()[pick % len(self._idle())]

        async def work() -> None:
            self.sessions.remove(session)
            if how == "crash":
                session.connection.terminate()
            else:
                await session.connection.execute(how)
                await session.connection.close()
            if how == "commit":
                self.committed += session.wrote
            await asyncio.sleep(0.01 if self.sessions else 0)
            await self._settle()

        self.do(work())

    @rule(pick=st.integers(0, 1), rows=st.integers(1, 4))
    def relay(self, pick: int, rows: int) -> None:
        """One of the relays moves a few rows."""

        async def work() -> None:
            connection, floor = self.relays[pick], self.floors[pick]
            await floor.before_pass(connection)
            if await move(connection, rows, floor.id) < rows:
                await floor.after_drained(connection)

        self.do(work())

    @rule(pick=st.integers(0, 1))
    def relay_dies(self, pick: int) -> None:
        """A relay is killed in the middle of its statement; another starts."""

        async def work() -> None:
            task = asyncio.ensure_future(move(self.relays[pick]))
            await asyncio.sleep(0)
            pid = self.relays[pick].get_server_pid()
            self.relays[pick].terminate()
            await asyncio.gather(task, return_exceptions=True)
            while await self.look.fetchval("select true from pg_stat_activity where pid=$1", pid):
                await asyncio.sleep(0.005)
            self.relays[pick] = await asyncpg.connect(self.url)
            self.floors[pick] = Floor("outbox_id_seq")

        self.do(work())

    @invariant()
    def the_log_is_dense_and_in_order(self) -> None:
        self.do(self._check())

    async def _check(self) -> None:
        rows = await self.look.fetch("select part, off, key, seq from event_log order by 1, 2")
        ends: Counter[int] = Counter()
        last: Counter[str] = Counter()
        for row in rows:
            assert row["off"] == ends[row["part"]]
            assert row["seq"] == last[row["key"]] + 1
            ends[row["part"]] += 1
            last[row["key"]] += 1
        waiting = await self.look.fetch("select key, count(*) as n from outbox group by key")
        assert last + Counter({r["key"]: r["n"] for r in waiting}) == self.committed

    def teardown(self) -> None:
        async def work() -> None:
            for session in self.sessions:
                session.connection.terminate()
                if session.waiting:
                    await asyncio.gather(session.waiting, return_exceptions=True)
            while await move(self.relays[0]):
                pass
            await self._check()
            assert not await self.look.fetchval("select count(*) from outbox")
            for connection in (*self.relays, self.look):
                await connection.close()

        self.do(work())


async def test_no_interleaving_of_writers_relays_and_crashes_breaks_the_log(
    log_bus: Bus, prepared: Postgres
) -> None:
    url = log_bus.url("w")

    def search() -> None:
        loop = asyncio.new_event_loop()
        machine = type("Machine", (Outbox,), {"url": url, "loop": loop})
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=12,
                    stateful_step_count=25,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            loop.close()

    await asyncio.to_thread(search)

"""Processes to be killed, and to be started again."""

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg

from shared.platform.embedded.kafka import Kafka
from shared.platform.embedded.postgres import Postgres
from shared.platform.embedded.processes import EmbeddedError, signal_quietly
from shared.platform.embedded.supervisor import Program

SIGKILL = 9


class Killable:
    """Processes that are started again when they end, on a PostgreSQL and a broker.

    Programs are `api`, `relay` and two consumers; `owner` writes, `consumer` of reporting counts.
    """

    owner: str
    consumer: str
    postgres: Postgres
    kafka: Kafka | None

    def __init__(self) -> None:
        self.programs: dict[str, Program] = {}
        self._keeping: asyncio.Task[None] | None = None
        self._admin: asyncpg.Connection | None = None

    async def keep(self) -> None:
        """From now on start again, as an orchestrator does, what has ended."""
        self._admin = await asyncpg.connect(self.postgres.admin_url)
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        await asyncio.gather(*(self._keep_one(program) for program in self.programs.values()))

    async def _keep_one(self, program: Program) -> None:
        while True:
            # What is killed while it starts fails to start: it is started once more.
            with contextlib.suppress(EmbeddedError):
                await asyncio.to_thread(program.start)
            await asyncio.sleep(0.1)

    async def end(self) -> None:
        """Kill all programs for good."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._admin:
            await self._admin.close()
        for program in self.programs.values():
            if pid := program.status().pid:
                signal_quietly(pid, SIGKILL)
            await asyncio.to_thread(program.stop)

    async def kill(self, label: str) -> bool:
        """Kill -9 a process; False where it does not run just now."""
        pid = self.programs[label].status().pid
        if pid is None:
            return False
        signal_quietly(pid, SIGKILL)
        return True

    async def kill_backend(self, choose: Callable[[list[int]], int]) -> bool:
        """End one PostgreSQL session of the services in the middle of what it does."""
        assert self._admin
        rows = await self._admin.fetch(
            "select pid from pg_stat_activity where datname in ($1, 'reporting')"
            " and usename <> 'postgres'",
            self.owner,
        )
        if not rows:
            return False
        pid = choose(sorted(row["pid"] for row in rows))
        return bool(await self._admin.fetchval("select pg_terminate_backend($1)", pid))

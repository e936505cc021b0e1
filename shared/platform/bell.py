"""The bell: tells relay and job runner, after a commit, that there is work."""

import asyncio

import asyncpg

from shared.platform.logging import log


class Bell:
    """Tells relay and job runner, after a commit, that there is work: one NOTIFY for many commits.

    PostgreSQL serialises notifying commits, so the writers themselves never notify. A lost ring
    costs at most the relay's poll interval.
    """

    PAUSE_SECONDS = 0.003

    def __init__(self, url: str) -> None:
        self._url = url
        self._rung: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Ask for one NOTIFY soon."""
        if self._task is None or self._task.done():
            self._rung = asyncio.Event()
            self._task = asyncio.create_task(self._notify(self._rung))
        if self._rung:
            self._rung.set()

    async def _notify(self, rung: asyncio.Event) -> None:
        while True:
            await rung.wait()
            try:
                await self._session(rung)
            except Exception as error:  # a bell must not fail a writer
                log().warning("bell.lost", error=repr(error))
                await asyncio.sleep(0.1)

    async def _session(self, rung: asyncio.Event) -> None:
        # Even a NOTIFY alone waits for the disk, unless told that nothing depends on it.
        connection = await asyncpg.connect(self._url, server_settings={"synchronous_commit": "off"})
        try:
            while True:
                await rung.wait()
                rung.clear()  # before the NOTIFY: who commits meanwhile rings again
                await connection.execute("notify outbox")
                await asyncio.sleep(self.PAUSE_SECONDS)
        except BaseException:
            rung.set()  # lost with its connection: it is rung over the next one
            raise
        finally:
            connection.terminate()

    async def close(self) -> None:
        """Stop ringing."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

"""The `log` transport: consumers read the owners' event logs, woken by NOTIFY."""

import asyncio
from collections.abc import Callable, Sequence

import asyncpg

from shared.contracts.event import PARTITIONS
from shared.platform.connections import connect_system
from shared.platform.relay import read_log
from shared.platform.transports import FindPositions, LostEvents, Partition, Record

WAIT_SECONDS = 0.5


class LogSource:
    """Reads the event logs of several services, each through one read-only connection.

    Only one process at a time works for a consumer name: the others wait for its advisory lock, in
    the consumer's own database, which PostgreSQL frees as soon as the holder is gone.
    """

    def __init__(
        self,
        *,
        consumer: str,
        own_url: str,
        topics: Sequence[str],
        log_url: Callable[[str], str],
    ) -> None:
        self._consumer = consumer
        self._own_url = own_url
        self._topics = tuple(topics)
        self._log_url = log_url
        self._connections: dict[str, asyncpg.Connection] = {}
        self._lock: asyncpg.Connection | None = None
        self._positions: dict[Partition, int] = {}
        self._grown: set[str] = set()
        self._woken = asyncio.Event()
        self._find: FindPositions | None = None

    async def start(self, find_positions: FindPositions) -> None:
        """Wait for the lock, connect to every log and listen for growth.

        Raises: LostEvents, where a log is shorter than what this consumer has had of it.
        """
        self._find = find_positions
        self._lock = lock = await connect_system(self._own_url)
        while not await lock.fetchval(
            "select pg_try_advisory_lock(hashtextextended($1, 1))", self._consumer
        ):
            await asyncio.sleep(WAIT_SECONDS / 2)
        for topic in self._topics:
            connection = await connect_system(self._log_url(topic.removesuffix(".events")))
            self._connections[topic] = connection
            await connection.add_listener("event_log", self._listener(topic))
        await self.rewind()

    def _listener(self, topic: str) -> Callable[..., None]:
        def on_notify(*_: object) -> None:
            self._grown.add(topic)
            self._woken.set()

        return on_notify

    async def poll(self, limit: int) -> list[Record]:
        """Read every log that has grown; with none, wait for a ring, at most `WAIT_SECONDS`."""
        if not self._grown:
            self._woken.clear()
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                self._grown.update(self._topics)
                self._check_lock()
        records: list[Record] = []
        for topic in self._topics:
            if topic in self._grown:
                records += await self._read(topic, max(limit // PARTITIONS, 1))
        return records

    async def _read(self, topic: str, limit: int) -> list[Record]:
        positions = {part: self._positions[topic, part] for part in range(PARTITIONS)}
        self._grown.discard(topic)
        rows = await read_log(self._connections[topic], positions, limit)
        counts = [0] * PARTITIONS
        for row in rows:
            if row.off != self._positions[topic, row.part]:
                expected = self._positions[topic, row.part]
                raise LostEvents(f"{topic}/{row.part}: {expected} is gone, {row.off} follows")
            self._positions[topic, row.part] = row.off + 1
            counts[row.part] += 1
        if max(counts) == limit:
            self._grown.add(topic)
        return [Record(topic, r.part, r.off, r.off, r.at_us, r.key, r.payload) for r in rows]

    def _check_lock(self) -> None:
        if self._lock is None or self._lock.is_closed():
            raise ConnectionError("the consumer's lock is gone")

    async def rewind(self) -> None:
        """Read on from the stored positions."""
        if self._find is None:
            raise ConnectionError("the source was not started")
        partitions = [(topic, part) for topic in self._topics for part in range(PARTITIONS)]
        stored = await self._find(partitions)
        self._positions = {partition: stored[partition].next_off for partition in partitions}
        for topic in self._topics:
            await self._check_log(topic)
        self._grown.update(self._topics)

    async def _check_log(self, topic: str) -> None:
        heads = await self._connections[topic].fetch("select part, next_off from log_head")
        for head in heads:
            wanted = self._positions[topic, head["part"]]
            if wanted > head["next_off"]:
                raise LostEvents(
                    f"{topic}/{head['part']} ends at {head['next_off']},"
                    f" but {self._consumer} has had {wanted}: another log, or an old backup"
                )

    async def close(self) -> None:
        """Close all connections, which frees the lock."""
        open_ones = [*self._connections.values(), *([self._lock] if self._lock else [])]
        for connection in open_ones:
            connection.terminate()
        self._connections.clear()

"""The whole past of topics, from their owners' event logs. Few imports: workers start fast."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import asyncpg

from shared.platform.transports import PAGE_ROWS, LostEvents, Partition, Told

_PAGE = """
select off, key, payload, at from event_log
where part = $1 and off >= $2 and off < $3 order by off
"""
#: PostgreSQL counts microseconds from 2000-01-01, everybody else from 1970-01-01.
_US_2000 = 946_684_800_000_000


class LogHistory:
    """Reads the owners' event logs."""

    def __init__(self, log_urls: Mapping[str, str]) -> None:
        self._urls = log_urls
        self._open: dict[str, asyncpg.Connection] = {}
        self._places: dict[Partition, int] = {}

    async def ends(self, topics: Sequence[str]) -> dict[Partition, int]:
        """Where every log ends."""
        found: dict[Partition, int] = {}
        for topic in topics:
            log = await self._log(topic)
            for head in await log.fetch("select part, next_off from log_head"):
                found[topic, head["part"]] = head["next_off"]
        return found

    async def _log(self, topic: str) -> asyncpg.Connection:
        if topic not in self._open:
            log = self._open[topic] = await asyncpg.connect(self._urls[topic])
            # A number as it is sent: a million date objects take a second.
            await log.set_type_codec(
                "timestamptz",
                schema="pg_catalog",
                format="tuple",
                encoder=lambda us: (us,),
                decoder=itemgetter(0),
            )
        return self._open[topic]

    async def pages(
        self, topics: Sequence[str], part: int, ends: Mapping[Partition, int]
    ) -> AsyncGenerator[tuple[str, list[Told]]]:
        """Topic by topic, the next page being read while one is worked on."""
        for topic in topics:
            log, end = await self._log(topic), ends[topic, part]
            ahead: asyncio.Future[list[Any]] | None = None
            for start in range(0, end, PAGE_ROWS):
                rows = await (ahead or self._page(log, part, start, end))
                if len(rows) != min(PAGE_ROWS, end - start):
                    raise LostEvents(f"{topic}/{part}: rows are missing from {start} on")
                ahead = None
                if start + PAGE_ROWS < end:
                    ahead = asyncio.ensure_future(self._page(log, part, start + PAGE_ROWS, end))
                yield topic, [(off, key, payload, at + _US_2000) for off, key, payload, at in rows]
            self._places[topic, part] = end

    @staticmethod
    async def _page(log: asyncpg.Connection, part: int, start: int, end: int) -> list[Any]:
        return await log.fetch(_PAGE, part, start, min(start + PAGE_ROWS, end))

    def places(self) -> dict[Partition, int]:
        """The log's own offsets."""
        return self._places

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._open.values():
            connection.terminate()

"""Where no tenant's word and no person's name or number may lie: logs, metrics, events.

Searched are the bytes of every log of services, gateway and database, every process's /metrics,
and every event in every log. That the search can see is shown by words which have to be there.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx2

from services.embedded import Embedded
from shared.contracts.event import decode
from shared.platform.settings import SERVICES
from tests.access.planting import MARK, PERSON, Planted

_WORDS = re.compile(rf"{MARK}[0-9A-F]{{12}}|(?<![0-9.]){'[0-9]' * 11}(?![0-9])|{PERSON.pattern}")
#: Every log that a campaign leaves, and what stands in it; the gateway may have had no complaint.
_IN_LOGS = {
    "campaign.log": "make a province",
    "log/serve-all.log": "Uvicorn running on",
    "log/work-all.log": '"event": "work.started"',
    "nginx/access.log": '"path":"/api/',
    "nginx/nginx.log": None,
    "postgres/postgres.log": "LOG:",
}
_IN_EVENTS = {"identity": "account_id", "reporting": "bulletin_id"}
STORES = frozenset(
    f"{store} {name}"
    for store, names in (("logs", _IN_LOGS), ("metrics", SERVICES), ("events", SERVICES))
    for name in names
)
#: A store's kind, its name, its text, and what has to be in it, where something has to.
Store = tuple[str, str, str, str | None]


@dataclass(slots=True)
class Searched:
    """Bytes searched and hits, by store; `seen` tells of each whether what must be in it was."""

    size: Counter[str] = field(default_factory=Counter[str])
    hits: list[str] = field(default_factory=list[str])
    seen: dict[str, bool] = field(default_factory=dict[str, bool])

    def told(self) -> str:
        """The figures in a line."""
        sizes = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in self.size.items())
        return f"searched {sizes}: {len(self.hits)} hits"


def hits_in(text: str, words: set[str]) -> list[str]:
    """Which of the words are in a text."""
    return sorted({*_WORDS.findall(text)} & words)


async def search(platform: Embedded, home: Path, planted: Planted) -> Searched:
    """Look through all stores of a platform for words that may not be in them."""
    found, words = Searched(), planted.words | planted.personal
    blind = [word for word in words if hits_in(f"“{word}”", words) != [word]]
    assert blind == [], "the pattern would not see these"
    stores: list[Store] = [
        *_logs(home),
        *[part async for part in _metrics(platform)],
        *[part async for part in _events(platform)],
    ]
    for store, name, text, expected in stores:
        found.size[store] += len(text.encode())
        found.hits += [f"{store} {name}: {word}" for word in hits_in(text, words)]
        found.seen[f"{store} {name}"] = expected is None or expected in text
    return found


def _logs(home: Path) -> Iterator[Store]:
    """Every log below a home; one that nobody expects is searched, and then missed in `STORES`."""
    for path in sorted(home.rglob("*.log")):
        name = path.relative_to(home).as_posix()
        text = path.read_text(encoding="utf-8", errors="replace")
        yield "logs", name, text, _IN_LOGS.get(name)


async def _metrics(platform: Embedded) -> AsyncIterator[Store]:
    async with httpx2.AsyncClient() as client:
        for name in SERVICES:
            port = platform.environment[f"{name.upper()}_PORT"]
            answer = await client.get(f"http://127.0.0.1:{port}/api/{name}/v1/metrics")
            yield "metrics", name, answer.raise_for_status().text, "yinqi_http_requests_total"


async def _events(platform: Embedded) -> AsyncIterator[Store]:
    for name in SERVICES:
        connection = await asyncpg.connect(platform.postgres.server.url("postgres", name))
        try:
            rows = await connection.fetch("select payload, part, off, at from event_log")
            waiting = await connection.fetch("select payload from outbox")
        finally:
            await connection.close()
        raw = b"\n".join([*(row["payload"] for row in rows), *(row["payload"] for row in waiting)])
        told = "\n".join(
            str(
                decode(
                    row["payload"],
                    topic=f"{name}.events",
                    part=row["part"],
                    off=row["off"],
                    known_at=row["at"],
                )
            )
            for row in rows
        )
        yield (
            "events",
            name,
            raw.decode("utf-8", "replace") + told,
            _IN_EVENTS.get(name, "enterprise_id"),
        )

"""The audit trail: lines of a transaction, chained per organisation, their heads signed.

A transaction only inserts its lines, so writers of one bank never wait for each other. The relay,
of which there is one per database, links committed lines within milliseconds: each link numbers a
line within its organisation and holds the SHA-256 over the link before it and the line. A line
changed, removed, moved or slipped in breaks the chain there (audit_check.py finds it). What a chain
alone cannot show is its own shortening or a forgery of all of it: so the heads of all chains are
signed every few minutes, kept in the database and written to a file that can be kept elsewhere.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from joserfc import jws
from joserfc.jwk import OKPKey

from shared.platform.clock import monotonic
from shared.platform.connections import connect_system
from shared.platform.floor import PROBE_SECONDS, Floor
from shared.platform.logging import log

ALGORITHM: Final = "Ed25519"
START: Final = bytes(32)
"""What the first link of every chain stands on."""
LINK_ROWS: Final = 2_000
PAUSE_SECONDS: Final = 0.05
POLL_SECONDS: Final = 0.5

LINE: Final = (
    "a.id, (extract(epoch from a.at) * 1000000)::bigint as at_us, a.actor, a.action, a.subject,"
    " a.before::text as before, a.after::text as after, a.trace, a.org as line_org"
)
_UNLINKED: Final = f"""
select {LINE} from audit a where a.id > $1
  and not exists (select from audit_link l where l.audit_id = a.id and l.audit_id > $1)
order by a.id limit $2
"""
_HEADS: Final = """
select o.org, l.n, l.hash from unnest($1::text[]) as o (org) cross join lateral
  (select n, hash from audit_link where org = o.org order by n desc limit 1) l
"""
_ALL_ORGS: Final = """
with recursive o as (
  (select org from audit_link order by org limit 1)
  union all
  select (select l.org from audit_link l where l.org > o.org order by l.org limit 1)
  from o where o.org is not null
) select org from o where org is not null
"""
_LINK: Final = """
insert into audit_link (org, n, audit_id, prev, hash)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of an organisation's chain."""

    n: int = 0
    hash: bytes = START


def link_hash(prev: bytes, n: int, line: asyncpg.Record) -> bytes:
    """The hash of a line's link: over the link before, its number, and everything it says."""
    fields = (
        n, line["line_org"], line["id"], line["at_us"], line["actor"], line["action"],
        line["subject"], line["before"], line["after"], line["trace"],
    )  # fmt: skip
    return hashlib.sha256(prev + msgspec.json.encode(fields)).digest()


async def heads_of(connection: asyncpg.Connection, orgs: Sequence[str]) -> dict[str, Head]:
    """The heads of the organisations that have a chain."""
    found = await connection.fetch(_HEADS, list(orgs))
    return {row["org"]: Head(row["n"], row["hash"]) for row in found}


@dataclass(slots=True)
class Chain:
    """Links lines; only one at a time works on a database, the relay sees to that.

    Lines up to the floor are all linked: a line that becomes visible after later ones stands above.
    """

    heads: dict[str, Head] = field(default_factory=dict[str, Head])
    _floor: Floor = field(default_factory=lambda: Floor("audit_id_seq"))
    _probed_at: float = field(default_factory=monotonic)

    @property
    def floor(self) -> int:
        """The line up to which all are linked, for sure."""
        return self._floor.id

    async def link(self, connection: asyncpg.Connection) -> int:
        """Link the next committed lines; how many."""
        if probe := monotonic() > self._probed_at + PROBE_SECONDS:
            self._probed_at = monotonic()
            await self._floor.before_pass(connection)
        lines = await connection.fetch(_UNLINKED, self.floor, LINK_ROWS)
        if lines:
            await self._link(connection, lines)
        if probe and len(lines) < LINK_ROWS:
            await self._floor.after_drained(connection)
        return len(lines)

    async def _link(self, connection: asyncpg.Connection, lines: Sequence[asyncpg.Record]) -> None:
        unknown = {line["line_org"] for line in lines} - self.heads.keys()
        self.heads |= await heads_of(connection, sorted(unknown))
        rows: list[tuple[object, ...]] = []
        heads: dict[str, Head] = {}
        for line in lines:
            org = line["line_org"]
            last = heads.get(org) or self.heads.get(org) or Head()
            head = Head(last.n + 1, link_hash(last.hash, last.n + 1, line))
            rows.append((org, head.n, line["id"], last.hash, head.hash))
            heads[org] = head
        await connection.execute(_LINK, *map(list, zip(*rows, strict=True)))
        self.heads |= heads


@dataclass(frozen=True, slots=True)
class Seal:
    """Signs the heads that moved; with a folder, also writes the records to a file there."""

    service: str
    key: OKPKey
    folder: Path | None = None

    @classmethod
    def of(cls, service: str, key: str, folder: Path | None) -> "Seal":
        """With a private Ed25519 key, as a JWK or in PEM."""
        text = key.lstrip()
        found = OKPKey.import_key(key if text.startswith("-----BEGIN") else json.loads(key))
        return cls(service, found, folder)

    async def seal(self, connection: asyncpg.Connection) -> str | None:
        """Sign the heads of all chains that moved since the last record; the record, if any."""
        last = await connection.fetchval("select record from audit_head order by id desc limit 1")
        orgs = [row["org"] for row in await connection.fetch(_ALL_ORGS)]
        heads = await heads_of(connection, orgs)
        before = read_unsigned(last)["heads"] if last else {}
        now = {org: [head.n, head.hash.hex()] for org, head in heads.items()}
        if now == before:
            return None
        when: datetime = await connection.fetchval("select yinqi_now()")  # pyright: ignore[reportAssignmentType]
        content = {
            "service": self.service,
            "at": when.isoformat(),
            "prev": hashlib.sha256(last.encode()).hexdigest() if last else "",
            "heads": now,
        }
        header = {"alg": ALGORITHM, "kid": self.key.thumbprint()}
        record = jws.serialize_compact(
            header, msgspec.json.encode(content), self.key, algorithms=[ALGORITHM]
        )
        await connection.execute(
            "insert into audit_head (at, record) values ($1, $2)", when, record
        )
        if self.folder:
            await asyncio.to_thread(_append, self.folder / f"{self.service}.heads", record)
        return record


def _append(path: Path, record: str) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        file.write(record + "\n")


def read_unsigned(record: str) -> dict[str, Any]:
    """What a record says, its signature not looked at."""
    content: dict[str, Any] = json.loads(jws.extract_compact(record.encode()).payload)
    return content


class Chaining:
    """Links and seals as long as the relay runs."""

    def __init__(self, *, service: str, seal: Seal | None, every_seconds: float) -> None:
        self._service = service
        self._seal = seal
        self._every = every_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """A transaction was committed."""
        self._woken.set()

    async def run(self, url: str) -> None:
        """Link until cancelled; under load some hundred lines at a time."""
        # What was cheap while the trail was short must not stay the plan when it is long.
        connection = await connect_system(url, enable_seqscan="off")
        chain, sealed_at = Chain(), monotonic()
        try:
            while True:
                self._woken.clear()
                linked = await chain.link(connection)
                if self._seal and monotonic() - sealed_at >= self._every:
                    sealed_at = monotonic()
                    if await self._seal.seal(connection):
                        log().info("audit.sealed", service=self._service)
                if linked < LINK_ROWS:
                    await asyncio.sleep(PAUSE_SECONDS)
                    await self._rest()
        finally:
            connection.terminate()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

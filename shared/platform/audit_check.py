"""Checks an audit trail against its chain and its chain against signed heads.

Whoever has the database may change it; then a line no longer fits its link, a link not the one
before it, or the chain not a head that was signed. The first misfit of every chain is named.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from shared.platform.audit import ALGORITHM, LINE, START, link_hash

PENDING_SECONDS: Final = 60
CHUNK: Final = 5_000
PAST_ANY: Final = 2**63 - 1
_CHAIN: Final = f"""
select l.org, l.n, l.prev, l.hash, l.audit_id, {LINE}
from audit_link l left join audit a on a.id = l.audit_id
where (l.org, l.n) > ($1, $2) order by l.org, l.n limit $3
"""
_ONE_CHAIN: Final = f"""
select l.org, l.n, l.prev, l.hash, l.audit_id, {LINE}
from audit_link l left join audit a on a.id = l.audit_id
where l.org = $1 and l.n > $2 order by l.n limit $3
"""
_LOOSE: Final = """
select a.id, a.org, a.at < yinqi_now() - make_interval(secs => $1) or exists
    (select from audit_link l where l.audit_id > a.id + 10000) as late
from audit a where not exists (select from audit_link l where l.audit_id = a.id)
  and ($2::text is null or a.org = $2) and a.id > $3 and a.id <= $4 order by a.id
"""


@dataclass(frozen=True, slots=True)
class Misfit:
    """What is wrong at a place of a chain.

    `what`: changed, deleted, reordered, forged, not_chained, truncated, head_mismatch,
    signature. `n` is 0 where the place has no number.
    """

    org: str
    n: int
    what: str
    detail: str = ""


@dataclass(slots=True)
class Checked:
    """What a check found: how many lines fit, how many are younger than their links, misfits."""

    lines: int = 0
    pending: int = 0
    records: int = 0
    misfits: list[Misfit] = field(default_factory=list[Misfit])
    heads: dict[str, tuple[int, bytes]] = field(default_factory=dict[str, tuple[int, bytes]])

    @property
    def first(self) -> Misfit | None:
        """The first misfit, by organisation and number."""
        return min(self.misfits, key=lambda one: (one.org, one.n), default=None)


@dataclass(frozen=True, slots=True)
class Record:
    """One signed statement about the heads of all chains."""

    service: str
    at: str
    prev: str
    heads: dict[str, tuple[int, str]]


class BadSignature(ValueError):
    """A record that no known key signed."""


def read_record(record: str, keys: KeySet) -> Record:
    """A record whose signature fits one of the keys.

    Raises: BadSignature.
    """
    try:
        content: dict[str, Any] = json.loads(
            jws.deserialize_compact(record, keys, algorithms=[ALGORITHM]).payload
        )
        heads = {org: (int(n), str(digest)) for org, (n, digest) in content["heads"].items()}
        return Record(content["service"], content["at"], content["prev"], heads)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise BadSignature(repr(error)) from error


def key_set(*texts: str) -> KeySet:
    """Public (or private) Ed25519 keys, each as a JWK, a JWK set or in PEM."""
    keys: list[Any] = []
    for text in texts:
        if text.lstrip().startswith("-----BEGIN"):
            keys.append(OKPKey.import_key(text))
            continue
        found = json.loads(text)
        keys += [OKPKey.import_key(each) for each in found.get("keys", [found])]
    for key in keys:
        key.ensure_kid()
    return KeySet(keys)


async def check_trail(
    connection: asyncpg.Connection,
    *,
    service: str,
    keys: KeySet | None,
    records: Sequence[str] | None = None,
) -> Checked:
    """Check every chain of a database; `records` come from a file kept elsewhere, oldest first.

    The records in the database are checked as well. Without keys no record is looked at.
    """
    checked = Checked()
    wanted: dict[tuple[str, int], str] = {}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if keys is not None:
            own = [r["record"] for r in await connection.fetch(
                "select record from audit_head order by id"
            )]  # fmt: skip
            for given in (own, records or ()):
                _read_records(given, service, keys, checked, wanted)
            if records:
                _compare_records(own, records, checked)
        walk = Walk(checked, wanted=wanted)
        while not walk.done:
            await walk.step(connection)
    for (org, n), digest in sorted(wanted.items()):
        last, _ = checked.heads.get(org, (0, START))
        broken = any(misfit.org == org and misfit.n for misfit in checked.misfits)
        if n > last and not broken:
            checked.misfits.append(
                Misfit(org, last + 1, "truncated", f"signed up to {n}: {digest[:16]}…")
            )
    return checked


@dataclass(slots=True)
class Walk:
    """How far a check has come: behind link `n` of `org`, whose hash is `hash`; then line `loose`.

    `loose` is None while links are walked. Chunk by chunk, it can stop and go on elsewhere.
    """

    checked: Checked
    only: str | None = None
    org: str = ""
    n: int = 0
    hash: bytes = START
    loose: int | None = None
    done: bool = False
    wanted: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])

    async def step(self, connection: asyncpg.Connection) -> None:
        """Check the next chunk of what the connection sees; of one organisation, if so wanted."""
        if self.loose is not None:
            await self._check_loose(connection, self.loose)
            return
        after = self.n or -PAST_ANY  # a number below 1 is no place to hide a link
        if self.only is None:
            rows = await connection.fetch(_CHAIN, self.org, after, CHUNK)
        else:
            rows = await connection.fetch(_ONE_CHAIN, self.only, after, CHUNK)
        await asyncio.to_thread(self._check_links, rows)
        # The rest of a broken chain is passed over: it has no link to stand on.
        over = len(rows) < CHUNK or (self.only is not None and self.n == PAST_ANY)
        self.loose = 0 if over else None

    def _check_links(self, rows: Sequence[asyncpg.Record]) -> None:
        for row in rows:
            if row["org"] != self.org:
                self.org, self.n, self.hash = row["org"], 0, START
            if self.n == PAST_ANY:
                continue
            if misfit := self._misfit(row):
                self.checked.misfits.append(misfit)
                self.n = PAST_ANY

    def _misfit(self, row: asyncpg.Record) -> Misfit | None:
        if row["n"] != self.n + 1:
            return Misfit(self.org, self.n + 1, "deleted", f"{row['n']} follows {self.n}")
        if misfit := _check_link(self.org, row, self.hash):
            return misfit
        self.n, self.hash = row["n"], row["hash"]
        self.checked.lines += 1
        self.checked.heads[self.org] = (self.n, self.hash)
        digest = self.wanted.get((self.org, self.n))
        if digest and digest != self.hash.hex():
            return Misfit(self.org, self.n, "head_mismatch", f"signed: {digest[:16]}…")
        return None

    async def _check_loose(self, connection: asyncpg.Connection, after: int) -> None:
        """Lines without a link: the newest wait for the relay, an older one was slipped in."""
        last = await connection.fetchval("select max(id) from audit") or 0
        until = min(after + 10 * CHUNK, last)
        for row in await connection.fetch(_LOOSE, PENDING_SECONDS, self.only, after, until):
            if row["late"]:
                misfit = Misfit(row["org"], 0, "not_chained", f"line {row['id']}")
                self.checked.misfits.append(misfit)
            else:
                self.checked.pending += 1
        self.loose, self.done = until, until >= last


def _read_records(
    given: Iterable[str],
    service: str,
    keys: KeySet,
    checked: Checked,
    wanted: dict[tuple[str, int], str],
) -> None:
    before = ""
    for at, text in enumerate(given, start=1):
        try:
            record = read_record(text, keys)
        except BadSignature as error:
            checked.misfits.append(Misfit("", at, "signature", str(error)))
            continue
        if record.service != service:
            checked.misfits.append(Misfit("", at, "signature", f"a record of {record.service}"))
            continue
        if before and record.prev != before:
            checked.misfits.append(Misfit("", at, "deleted", "a signed record is missing here"))
        before = hashlib.sha256(text.encode()).hexdigest()
        checked.records += 1
        for org, (n, digest) in record.heads.items():
            if wanted.setdefault((org, n), digest) != digest:
                checked.misfits.append(Misfit(org, n, "head_mismatch", "two records disagree"))


def _compare_records(own: Sequence[str], kept: Sequence[str], checked: Checked) -> None:
    """Every record kept elsewhere must still be in the database."""
    for at, record in enumerate(kept, start=1):
        if record not in own:
            checked.misfits.append(Misfit("", at, "deleted", "a record kept elsewhere is gone"))
            return


def _check_link(org: str, row: asyncpg.Record, prev: bytes) -> Misfit | None:
    n = row["n"]
    if row["id"] is None:
        return Misfit(org, n, "deleted", f"line {row['audit_id']} is gone")
    if row["prev"] != prev:
        return Misfit(org, n, "reordered", "it does not stand on the link before it")
    if row["line_org"] != org or link_hash(prev, n, row) != row["hash"]:
        return Misfit(org, n, "changed", f"line {row['audit_id']} is not what was linked")
    return None

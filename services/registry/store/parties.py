"""Parties and their dated slices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from services.registry.domain.parties import Slice
from services.registry.store.bulk import execute, fetch
from shared.contracts.registry import PartyKind
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction

_SLICE = "s.valid_from, s.name, s.parent_id, s.region_code, s.details, s.active, s.reason"


@dataclass(frozen=True, slots=True)
class Party:
    """A party as it stands on a day."""

    party_id: UUID
    kind: PartyKind
    code: str
    held: Slice


async def slices_of(tx: Transaction, party_id: UUID) -> list[Slice]:
    """A party's history, the oldest first."""
    rows = await fetch(
        tx,
        f"select {_SLICE} from party_slice s where party_id = $1 order by valid_from",
        party_id,
    )
    return [_slice(row) for row in rows]


def _slice(row: Any) -> Slice:
    valid_from, name, parent_id, region_code, details, active, reason = row
    read = msgspec.json.decode(details) if isinstance(details, (str, bytes)) else details
    return Slice(valid_from, name, parent_id, region_code, read, active, reason)


async def kind_of(tx: Transaction, party_id: UUID) -> PartyKind | None:
    """A party's kind; None where there is none."""
    rows = await fetch(tx, "select kind from party where party_id = $1", party_id)
    return rows[0][0] if rows else None


async def parents_on(tx: Transaction, day: date) -> Mapping[UUID, UUID | None]:
    """Who stood under whom on a day."""
    rows = await fetch(
        tx,
        "select distinct on (party_id) party_id, parent_id from party_slice"
        " where valid_from <= $1 order by party_id, valid_from desc",
        day,
    )
    return {row[0]: row[1] for row in rows}


async def put(tx: Transaction, party_id: UUID, kind: PartyKind, code: str, new: Slice) -> None:
    """Enter a slice; one entered for the same day before is replaced."""
    await execute(
        tx, "insert into party values ($1, $2, $3) on conflict do nothing", party_id, kind, code
    )
    await execute(
        tx,
        "insert into party_slice (party_id, valid_from, name, parent_id, region_code, details,"
        " active, reason, recorded_at, recorded_by)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (party_id, valid_from)"
        " do update set name = excluded.name, parent_id = excluded.parent_id,"
        " region_code = excluded.region_code, details = excluded.details,"
        " active = excluded.active, reason = excluded.reason,"
        " recorded_at = excluded.recorded_at, recorded_by = excluded.recorded_by",
        party_id,
        new.valid_from,
        new.name,
        new.parent_id,
        new.region_code,
        msgspec.json.encode(new.details).decode(),
        new.active,
        new.reason,
        tx.now,
        tx.principal.name,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedParties:
    """Which parties are asked for, as they stood on a day; what is None does not matter."""

    day: date
    kind: PartyKind | None = None
    region: str | None = None
    parent_id: UUID | None = None
    below: UUID | None = None
    gone: bool = False
    after: str | None = None
    limit: int = 100


async def find(tx: Transaction, wanted: WantedParties) -> list[Party]:
    """Parties by kind and code; one more than asked for.

    `below` takes all of a tree under a party, at any depth, as the tree stood on the day.
    """
    where = Conditions()
    day = where.bind(wanted.day)
    where.add_given("p.kind = {}", wanted.kind)
    where.add_given("s.region_code like {}", wanted.region and _below(wanted.region))
    where.add_given("s.parent_id = {}", wanted.parent_id)
    where.add_given("p.kind || '/' || p.code > {}", wanted.after)
    if not wanted.gone:
        where.add("s.active")
    if wanted.below:
        where.add("p.party_id in (select party_id from tree)")
    root = where.bind(wanted.below)
    rows = await fetch(
        tx,
        "with recursive held as (select distinct on (party_id) * from party_slice"
        f" where valid_from <= {day} order by party_id, valid_from desc),"
        f" tree as (select party_id from held where parent_id = {root}::uuid"
        " union select h.party_id from held h join tree t on h.parent_id = t.party_id)"
        f" select p.party_id, p.kind, p.code, {_SLICE} from party p"
        f" join held s using (party_id){where.sql}"
        f" order by p.kind || '/' || p.code limit {where.bind(wanted.limit + 1)}",
        *where.values,
    )
    return [Party(row[0], row[1], row[2], _slice(tuple(row)[3:])) for row in rows]


def _below(code: str) -> str:
    return (code.removesuffix("0000") if code.endswith("0000") else code.removesuffix("00")) + "%"

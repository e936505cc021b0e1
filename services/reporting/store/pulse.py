"""The pulse: how far each partition was taken in, and how long ago that was news."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

# In the same statement a lock per partition number: who is at work on it in another topic waits, so
# that an enterprise is folded by one at a time.
_BEAT: Final = """
insert into pulse as p (topic, part, known_at, turns, lag_ms)
select t, n, a, 1, greatest(0, (extract(epoch from yinqi_now() - a) * 1000)::bigint)
from unnest($1::text[], $2::smallint[], $3::timestamptz[]) as u (t, n, a),
  (select count(pg_advisory_xact_lock(4001, part))
   from (select distinct part from unnest($2::smallint[]) as part order by part) as own) as held
order by t, n
on conflict (topic, part) do update set known_at = greatest(p.known_at, excluded.known_at),
    turns = p.turns + 1, lag_ms = excluded.lag_ms
"""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The newest fact's instant (None: nothing yet), a count of batches, and the lag."""

    newest_at: datetime | None
    turns: int
    lag_ms: int


async def beat(connection: asyncpg.Connection, seen: Mapping[tuple[str, int], datetime]) -> None:
    """Note that these partitions are taken in up to these instants; wait until they are ours."""
    topics, parts = [topic for topic, _ in seen], [part for _, part in seen]
    await connection.execute(_BEAT, topics, parts, list(seen.values()))


async def feel(connection: asyncpg.Connection) -> Pulse:
    """Where things stand now: six rows a topic, read in no time."""
    row = await connection.fetchrow(
        "select max(known_at) as newest, coalesce(sum(turns), 0)::bigint as turns, coalesce("
        " (select lag_ms from pulse order by known_at desc limit 1), 0) as lag from pulse"
    )
    assert row is not None
    return Pulse(row["newest"], row["turns"], row["lag"])

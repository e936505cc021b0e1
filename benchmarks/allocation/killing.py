"""Kill a publication at random points and let the next worker go on, as often as asked.

The worker of `allocation` (publication, relay) is killed with SIGKILL and started again. In the end
each enterprise must have exactly one holder at the tier, and its event must be told once.
"""

import asyncio
import os
import signal
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.allocation.stored import StoredProvince
from benchmarks.side import Watch

_STALE = """update job set beat_at = beat_at - interval '1 hour'
  where kind = 'plan.publish' and state = 'running'"""
_BEGUN = "select count(*) from job where kind = 'plan.publish' and state <> 'queued'"
_DOUBLE = """select count(*) from (select from assignment where campaign_id = $1 and tier = $2
  and ended_on is null group by enterprise_id having count(*) > 1) d"""
_HELD = (
    """select count(*) from assignment where campaign_id = $1 and tier = $2 and ended_on is null"""
)
_TOLD = """select count(*) as told, count(distinct convert_from(payload, 'UTF8')::jsonb
  -> 'data' ->> 'assignment_id') as apart from event_log
  where (type like 'EnterpriseAssigned.%' or type like 'EnterprisePlaced.%')
  and convert_from(payload, 'UTF8')::jsonb -> 'data' ->> 'tier' = $1"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there was in the end: enterprises, holders, doubles, events, how often killed.

    `hits` of the `kills` fell while the publication itself ran, the others while it was relayed.
    """

    placed: int
    held: int
    double: int
    told: int
    told_apart: int
    kills: int
    hits: int

    @property
    def right(self) -> bool:
        """Each has one holder, and each was told once."""
        return (self.held, self.double, self.told, self.told_apart) == (
            self.placed, 0, self.placed, self.placed,
        )  # fmt: skip


class UnderFire:
    """Publishes tier after tier; the worker is killed while it does."""

    def __init__(self, province: StoredProvince, seed: int) -> None:
        self._province = province
        self._rng = Random(seed)
        self._worker = province.bed.work("allocation")
        self._work, self._length = 1.0, 2.0

    async def open(self, **fields: Any) -> None:
        """Open the campaign: nobody is killed meanwhile."""
        await self._province.open(**fields)
        await _relayed(self._province)

    async def publish(self, tier: int, kills: int) -> Outcome:
        """Publish a tier, killing the worker `kills` times at random points of the work.

        The first time while the publication runs, as far as can be told from one without kills.
        """
        province, hits = self._province, 0
        draft = await province.solve(tier)
        await province.check(draft["plan_id"])
        begun = await self._begun()
        await province.post(f"/plans/{draft['plan_id']}/publication", {})
        while await self._begun() == begun:
            await asyncio.sleep(0.005)
        watch = Watch()
        for number in range(kills):
            await asyncio.sleep(self._rng.uniform(0, self._length if number else self._work / 2))
            hits += await self._kill()
        await province.until(f"/plans/{draft['plan_id']}", "published")
        published = watch.read()
        await _relayed(province)
        if not kills:
            self._work, self._length = published, watch.read()
        connection = await province.bed.connect("allocation")
        held, double = [
            await connection.fetchval(query, province.campaign_id, tier)
            for query in (_HELD, _DOUBLE)
        ]
        told = await connection.fetchrow(_TOLD, str(tier))
        await connection.close()
        assert told is not None
        return Outcome(draft["assigned"], held, double, told["told"], told["apart"], kills, hits)

    async def _begun(self) -> int:
        """How many publications a worker has taken up so far."""
        connection = await self._province.bed.connect("allocation")
        begun: int = await connection.fetchval(_BEGUN)
        await connection.close()
        return begun

    async def _kill(self) -> int:
        """SIGKILL, make the job look as stale as it will be in a while, start a new worker.

        1 where the publication was running, else 0.
        """
        pid = self._worker.status().pid
        assert pid is not None, "the worker has ended by itself"
        os.kill(pid, signal.SIGKILL)
        self._worker.stop()
        connection = await self._province.bed.connect("allocation")
        done = await connection.execute(_STALE)
        await connection.close()
        self._worker = self._province.bed.work("allocation")
        return int(done.removeprefix("UPDATE "))


async def _relayed(province: StoredProvince) -> None:
    await province.bed.until("allocation", "select count(*) from outbox", 0, seconds=600)

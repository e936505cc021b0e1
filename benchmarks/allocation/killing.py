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
from shared.platform.embedded.supervisor import Program

_STALE = "update job set beat_at = beat_at - interval '1 hour' where state = 'running'"
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
    """What there was in the end: enterprises, holders, doubles, events, how often killed."""

    placed: int
    held: int
    double: int
    told: int
    told_apart: int
    kills: int

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
        self._length = 2.0

    async def open(self, **fields: Any) -> None:
        """Open the campaign: nobody is killed meanwhile."""
        await self._province.open(**fields)
        await _relayed(self._province)

    async def publish(self, tier: int, kills: int) -> Outcome:
        """Publish a tier, killing the worker `kills` times at random points of the work."""
        province = self._province
        draft = await province.solve(tier)
        await province.check(draft["plan_id"])
        watch = Watch()
        await province.post(f"/plans/{draft['plan_id']}/publication", {})
        for _ in range(kills):
            await asyncio.sleep(self._rng.uniform(0.01, self._length))
            self._worker = await _kill(province, self._worker)
        await province.until(f"/plans/{draft['plan_id']}", "published")
        await _relayed(province)
        if not kills:
            self._length = watch.read()
        connection = await province.bed.connect("allocation")
        held, double = [
            await connection.fetchval(query, province.campaign_id, tier)
            for query in (_HELD, _DOUBLE)
        ]
        told = await connection.fetchrow(_TOLD, str(tier))
        await connection.close()
        assert told is not None
        return Outcome(draft["assigned"], held, double, told["told"], told["apart"], kills)


async def _kill(province: StoredProvince, worker: Program) -> Program:
    """SIGKILL, make the job look as stale as it will be in a while, start a new worker."""
    pid = worker.status().pid
    assert pid is not None, "the worker has ended by itself"
    os.kill(pid, signal.SIGKILL)
    worker.stop()
    connection = await province.bed.connect("allocation")
    await connection.execute(_STALE)
    await connection.close()
    return province.bed.work("allocation")


async def _relayed(province: StoredProvince) -> None:
    await province.bed.until("allocation", "select count(*) from outbox", 0, seconds=600)

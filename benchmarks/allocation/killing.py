"""Kill a publication at random points and let the next worker go on, as often as asked.

The worker of `allocation` (publication, relay) is killed with SIGKILL and started again. In the end
each enterprise must have exactly one holder at the tier, and its event must be told once.
"""

import asyncio
import os
import signal
from dataclasses import dataclass
from random import Random

from benchmarks.allocation.stored import StoredProvince
from benchmarks.side import Watch
from shared.platform.embedded.supervisor import Program

_STALE = "update job set beat_at = beat_at - interval '1 hour' where state = 'running'"
_DOUBLE = """select count(*) from (select from assignment where campaign_id = $1 and tier = 2
  and ended_on is null group by enterprise_id having count(*) > 1) d"""
_HELD = (
    """select count(*) from assignment where campaign_id = $1 and tier = 2 and ended_on is null"""
)
_TOLD = """select count(*) as told, count(distinct convert_from(payload, 'UTF8')::jsonb
  -> 'data' ->> 'assignment_id') as apart from event_log where type like 'EnterpriseAssigned.%'
  and convert_from(payload, 'UTF8')::jsonb -> 'data' ->> 'tier' = '2'"""


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


async def publish_under_fire(province: StoredProvince, kills: int, seed: int) -> Outcome:
    """Publish tier 2, killing the worker `kills` times at random points of the work."""
    bed, rng = province.bed, Random(seed)
    worker = bed.work("allocation")
    await province.open()
    watch = Watch()
    await province.publish((await province.solve(1))["plan_id"])
    await _relayed(province)
    length = watch.read()
    draft = await province.solve(2)
    await province.check(draft["plan_id"])
    await province.post(f"/plans/{draft['plan_id']}/publication", {})
    done = 0
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0.01, length))
        worker = await _kill(province, worker)
        done += 1
    await province.until(f"/plans/{draft['plan_id']}", "published")
    await _relayed(province)
    connection = await bed.connect("allocation")
    held, double = [await connection.fetchval(q, province.campaign_id) for q in (_HELD, _DOUBLE)]
    told = await connection.fetchrow(_TOLD)
    await connection.close()
    assert told is not None
    return Outcome(draft["assigned"], held, double, told["told"], told["apart"], done)


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

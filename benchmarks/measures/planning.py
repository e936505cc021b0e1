"""A province from stored data to explained, published plans; what-ifs through the API; kills.

Everything over HTTP on the real processes. The what-if is one city's, the sliders moved each time,
beside the same solve without API and database; the publication is killed at random points.
"""

import argparse
import asyncio
from dataclasses import replace
from random import Random
from typing import Any

from benchmarks.allocation.killing import UnderFire
from benchmarks.allocation.stored import StoredProvince
from benchmarks.bed import Bed
from benchmarks.memory import children_watched, most_kib
from benchmarks.side import Aim, Report, Watch, measure, median, percentile, postgres_version
from services.allocation.domain.scenarios import Changes, LiveCity, compare, live_city
from services.allocation.domain.tasks import CityTask
from services.allocation.store import parts
from shared.platform.database import Database


async def run(given: argparse.Namespace, report: Report) -> None:
    async with Bed("allocation") as bed:
        report.postgres = postgres_version(bed.postgres)
        province = StoredProvince(bed)
        await province.store(given.size, given.enterprises)
        worker = bed.work("allocation")
        await province.open()
        await _plan(province, worker.status().pid or 0, report)
        await _what_if(province, given, report)
    async with Bed("allocation") as bed:
        province = StoredProvince(bed)
        await province.store(given.size, given.enterprises)
        fire = UnderFire(province, seed=5)
        await fire.open()
        await fire.publish(1, 0)
        outcome = await fire.publish(2, given.kills)
        report.figures["under_fire"] = {
            name: getattr(outcome, name) for name in type(outcome).__slots__
        }
        report.tell(
            f"killed {outcome.kills} times, {outcome.hits} in the middle of the publication:"
            f" {outcome.held:,} held, {outcome.told:,} told"
        )
        report.aims.append(
            Aim(
                name="killed and resumed: one holder, told once",
                value=int(outcome.right and outcome.hits > 0),
                least=1,
                unit="",
            )
        )


async def _plan(province: StoredProvince, worker: int, report: Report) -> None:
    seconds: dict[str, float] = {}
    for tier in (1, 2):
        watch = Watch()
        draft = await province.solve(tier)
        seconds[f"tier {tier} solved, explained, stored"] = watch.read()
        watch = Watch()
        await province.publish(draft["plan_id"])
        seconds[f"tier {tier} published, events in the outbox"] = watch.read()
    memory = most_kib(worker) / 2**20
    watch = Watch()
    async with children_watched(
        worker
    ) as apart:  # the joint form is solved in a process of its own
        joint = await province.solve(2, "joint")
    seconds["tier 2 solved jointly with the outlets' limits, explained, stored"] = watch.read()
    report.figures["joint"] = {
        "placed": joint["assigned"],
        "above_the_bound": round(_above(joint["cities"]), 5),
        "solver_gib": round(apart.gib, 2),
        "worker_gib": round(most_kib(worker) / 2**20, 2),
    }
    report.figures["seconds"] = {name: round(value, 2) for name, value in seconds.items()}
    report.figures["worker_gib"] = round(memory, 2)
    for name, value in seconds.items():
        report.tell(f"{name}: {value:.1f} s")


def _above(cities: list[dict[str, Any]]) -> float:
    """By what part the joint plan is dearer than its bound, which knows no band for hard cases."""
    cost, bound = (sum(int(one[name]) for one in cities) for name in ("cost", "bound"))
    return cost / bound - 1


async def _what_if(province: StoredProvince, given: argparse.Namespace, report: Report) -> None:
    live = await _largest_city(province)
    city, rng = live.problem.city.code, Random(3)
    path = f"/campaigns/{province.campaign_id}/scenarios"
    through, bare = [], []
    for number in range(given.tries + 3):
        changes = {
            "no_relation_m": rng.randrange(4_000, 12_000),
            "stick_m": rng.randrange(0, 5_000),
            "total_bp": rng.randrange(200, 900),
        }
        watch = Watch()
        body = {"name": f"{number}", "city_code": city, "changes": changes}
        await province.post(path, body)
        through.append(watch.read())
        watch = Watch()
        await asyncio.to_thread(compare, [live], replace(Changes(), **changes))
        bare.append(watch.read())
    through, bare = through[3:], bare[3:]  # the first ones compile and fill the cache
    watch = Watch()
    whole = await province.post(path, {"name": "全省", "changes": {"total_bp": 300}})
    report.figures["what_if_of_all_cities"] = {
        "seconds": round(watch.read(), 2),
        "enterprises": whole["then"]["enterprises"],
        "moved": whole["moved"],
    }
    p95 = percentile(through, 0.95)
    report.figures["what_if"] = {
        "enterprises": len(live.choice),
        "banks": len(live.problem.receivers),
        "api_p95_ms": round(1000 * p95, 1),
        "api_median_ms": round(1000 * median(through), 1),
        "bare_p95_ms": round(1000 * percentile(bare, 0.95), 1),
        "bare_median_ms": round(1000 * median(bare), 1),
    }
    report.tell(f"what-if {city}: API p95 {1000 * p95:.0f} ms, bare {1000 * median(bare):.0f} ms")
    report.aims.append(
        Aim(
            name="what-if of a city, API p95 ÷ bare solve p95",
            value=p95 / percentile(bare, 0.95),
            most=3,
        )
    )


async def _largest_city(province: StoredProvince) -> LiveCity:
    database = Database(province.bed.url("allocation"))
    async with database.read() as tx:
        listed = await province.ask("GET", f"/plans?campaign_id={province.campaign_id}")
        plan = next(one for one in listed["items"] if one["tier"] == 2)
        stored = await parts.parts_of_plan(tx, plan["plan_id"])
    await database.close()
    cities = [(one.task, one.rows) for one in stored if isinstance(one.task, CityTask)]
    return live_city(*max(cities, key=lambda one: len(one[0].enterprises)))


if __name__ == "__main__":
    measure(
        "planning",
        "a stored province planned, published, asked what-if, killed and resumed",
        run,
        size=("province", "small"),
        enterprises=(72_300, 1_200),
        tries=(60, 8),
        kills=(20, 2),
    )

"""Sharing a province out: our kernel beside LEMON, OR-Tools and a list worked off in Python.

All four solve the same scored cities in the same run, in turns, with both bands. Then: is it
proven, fair, the same for another order of the rows and for all three exact solvers; how much less
than the list does it pay above the bound that no capacity allows to go below. The nation and the
joint form run in processes of their own, for their memory.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.allocation.others import greedy, ortools
from benchmarks.province.cities import cities
from benchmarks.side import Aim, Report, in_turns, measure, median, watched
from services.allocation.domain.engine.allocating import Allocation, allocate, certify, solve
from services.allocation.domain.engine.flow import flow_solution, lemon
from services.allocation.domain.engine.measuring import Measures, measure_all
from services.allocation.domain.engine.problem import Policy, Smalls, in_order
from services.allocation.domain.engine.scoring import NO_LIMIT, Scored, score_city


async def run(given: argparse.Namespace, report: Report) -> None:
    seeds = [int(one) for one in given.seeds.split(",")]
    allocate(next(cities("small", 1)), Policy())  # compiled once for a machine
    scored = _scored(given.scale, seeds[0])
    times = await _side_by_side(scored, given.rounds, report)
    ratio = {
        name: [t / k for t, k in zip(times[name], times["kernel"], strict=True)] for name in times
    }
    report.aims = [
        Aim(name="kernel ÷ list in Python, time", value=1 / median(ratio["list"]), most=3),
        Aim(name="kernel ÷ LEMON, time", value=1 / median(ratio["LEMON"]), most=0.2),
    ]
    for seed in seeds:
        _quality(report, f"seed {seed}", _scored(given.scale, seed), given.scale, seed)
    _quality(
        report, f"tight {given.tight}", _scored(given.scale, seeds[0], given.tight),
        given.scale, seeds[0], tight=given.tight,
    )  # fmt: skip
    _apart(report, given)


def _scored(scale: str, seed: int, tight: float = 1.18) -> list[Scored]:
    policy = Policy(seed=seed)
    return [score_city(in_order(city), policy) for city in cities(scale, seed, tight=tight)]


async def _side_by_side(
    scored: list[Scored], rounds: int, report: Report
) -> dict[str, list[float]]:
    def timed(body: Any) -> Any:
        async def one_round() -> float:
            with watched() as watch:
                for one in scored:
                    body(one)
            return watch.seconds

        return one_round

    sides = {
        "kernel": solve,
        "list": lambda one: greedy(one, np.minimum(one.bounds[1], one.bounds[2])),
        "LEMON": lambda one: flow_solution(one, lemon),
        "OR-Tools": lambda one: flow_solution(one, ortools),
    }
    found = await in_turns(rounds, *(timed(body) for body in sides.values()))
    times = dict(zip(sides, found, strict=True))
    report.figures["solve_seconds"] = {k: [round(t, 4) for t in v] for k, v in times.items()}
    report.tell(", ".join(f"{k} {median(v):.3f} s" for k, v in times.items()))
    return times


def _quality(
    report: Report, name: str, scored: list[Scored], scale: str, seed: int, *, tight: float = 1.18
) -> None:
    ours = [solve(one) for one in scored]
    proven = all(certify(one).proven for one in ours)
    same = all(
        (_free(one) == flow_solution(one.scored, solver)).all()
        for one in ours
        for solver in (lemon, ortools)
    )
    turned = [
        allocate(city, Policy(seed=seed)).digest
        for city in cities(scale, seed, tight=tight, shuffle=seed + 1)
    ]
    same &= turned == [one.digest for one in ours]
    by_list = [_as_allocation(one) for one in scored]
    fair, listed = measure_all(ours), measure_all(by_list)
    report.figures[name] = {"ours": _named(fair), "list": _named(listed)}
    report.tell(
        f"{name}: {fair.placed:,} of {fair.enterprises:,}, mean {fair.mean_m / 1000:.2f} km,"
        f" longest {fair.longest_m / 1000:.1f} km, Gini {fair.gini_bp / 1e4:.4f}"
    )
    report.aims += [
        Aim(name=f"{name}: gap, certificate proven", value=0 if proven else 1, most=0, unit=""),
        Aim(name=f"{name}: Gini of the load", value=fair.gini_bp / 1e4, most=0.03, unit=""),
        Aim(name=f"{name}: hard share off", value=fair.hard_off_bp / 100, most=15, unit="pt"),
        Aim(
            name=f"{name}: same for shuffled rows, LEMON, OR-Tools",
            value=int(same),
            least=1,
            unit="",
        ),
    ]
    if tight > 1:
        excess = listed.excess_m / max(fair.excess_m, 1)
        alike = listed.excess_m / max(
            measure_all([solve(_capped(one)) for one in scored]).excess_m, 1
        )
        report.figures[name]["excess_ratio_both_bands"] = round(excess, 3)
        report.aims.append(
            Aim(name=f"{name}: list's excess ÷ ours, same caps", value=alike, least=4)
        )


def _capped(scored: Scored) -> Scored:
    """The limits that the list keeps, and no others: nobody above the ceiling of the fair share."""
    bounds = np.full_like(scored.bounds, NO_LIMIT)
    bounds[2] = np.minimum(scored.bounds[1], scored.bounds[2])
    return replace(scored, bounds=bounds)


def _free(allocation: Allocation) -> Smalls:
    return allocation.choice[allocation.scored.free]


def _as_allocation(scored: Scored) -> Allocation:
    choice = greedy(scored, np.minimum(scored.bounds[1], scored.bounds[2]))
    nothing = np.zeros((2, scored.bounds.shape[1]), dtype=np.int64)
    return Allocation(scored, choice, nothing, nothing, 0)


def _named(measures: Measures) -> dict[str, int]:
    return {name: getattr(measures, name) for name in Measures.__slots__}


def _apart(report: Report, given: argparse.Namespace) -> None:
    """The larger runs, each alone in a process."""
    province = _part("kernel", given.scale, 11)
    nation = _part("kernel", given.largest, 11)
    parts = {"province": province, "nation": nation}
    parts["province, joint"] = _part("joint", given.scale, 11)
    parts["nation, joint"] = _part("joint", given.largest, 11)
    report.figures["apart"] = parts
    for name, found in parts.items():
        report.tell(f"{name}: {found['seconds']:.2f} s, {found['peak_gib']} GiB")
    times = nation["solve_seconds"] / province["solve_seconds"]
    report.aims += [
        Aim(name="nation ÷ province, solve time", value=times, most=10),
        Aim(name="nation, memory", value=nation["peak_gib"], most=0.7, unit="GiB"),
        Aim(
            name="province joint, memory",
            value=parts["province, joint"]["peak_gib"],
            most=1,
            unit="GiB",
        ),
        Aim(
            name="nation joint, memory",
            value=parts["nation, joint"]["peak_gib"],
            most=2,
            unit="GiB",
        ),
        Aim(
            name="all of them proven",
            value=sum(p["proven"] for p in parts.values()),
            least=4,
            unit="",
        ),
    ]


def _part(which: str, scale: str, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.allocation.part", which, scale, str(seed)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(told.stdout)


if __name__ == "__main__":
    measure(
        "allocation",
        "a province shared out: kernel, LEMON, OR-Tools, a list in Python",
        run,
        scale=("province", "small"),
        largest=("nation", "small"),
        seeds=("11,23,47", "11"),
        tight=(0.93, 0.93),
        rounds=(3, 1),
    )

"""One part of the allocation benchmark in a process of its own, so that its memory is its own.

    python -m benchmarks.allocation.part kernel|joint SCALE SEED

Prints one line of JSON: seconds of the solve alone and of everything, peak memory, what came out.
"""

import hashlib
import json
import sys
from collections.abc import Iterator

from benchmarks.memory import most_kib
from benchmarks.province.cities import cities
from benchmarks.side import Watch
from services.allocation.domain.engine.allocating import certify, solve
from services.allocation.domain.engine.explaining import explain
from services.allocation.domain.engine.joint import allocate_jointly
from services.allocation.domain.engine.problem import City, Policy, in_order
from services.allocation.domain.engine.scoring import score_city


def kernel(made: Iterator[City], seed: int) -> dict[str, object]:
    """City by city: scored, solved, certified, explained, forgotten."""
    policy = Policy(seed=seed)
    whole, digest = Watch(), hashlib.sha256()
    solving, proven, enterprises, placed, generating = 0.0, True, 0, 0, 0.0
    while True:
        watch = Watch()
        city = next(made, None)
        generating += watch.read()
        if city is None:
            break
        scored = score_city(in_order(city), policy)
        watch = Watch()
        allocation = solve(scored)
        solving += watch.read()
        proven &= certify(allocation).proven
        placed += int((explain(allocation).metres >= 0).sum())
        enterprises += len(allocation.choice)
        digest.update(allocation.digest.encode())
    return {
        "solve_seconds": solving,
        "seconds": whole.read() - generating,
        "proven": proven,
        "enterprises": enterprises,
        "placed": placed,
        "digest": digest.hexdigest(),
    }


def joint(made: Iterator[City], seed: int) -> dict[str, object]:
    """City by city over outlets with capacities of their own."""
    policy = Policy(seed=seed, hard_bp=None)
    solving, proven, placed, arcs, enterprises = 0.0, True, 0, 0, 0
    for city in made:
        watch = Watch()
        found = allocate_jointly(city, policy)
        solving += watch.read()
        proven &= found.primal == found.bound
        placed += int((found.outlet >= 0).sum())
        arcs += found.arcs
        enterprises += len(found.outlet)
    return {
        "seconds": solving,
        "proven": proven,
        "enterprises": enterprises,
        "placed": placed,
        "arcs": arcs,
    }


def main() -> None:
    which, scale, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    body = {"kernel": kernel, "joint": joint}[which]
    body(cities("small", 1), 1)  # what has to be compiled is compiled
    found = body(cities(scale, seed), seed)
    print(json.dumps(found | {"peak_gib": round(most_kib() / 2**20, 3)}))


if __name__ == "__main__":
    main()

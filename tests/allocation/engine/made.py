"""Small random cities full of ties, zero capacities, forbidden pairs and bands that cannot hold."""

from dataclasses import replace
from itertools import product

import numpy as np

from services.allocation.domain.engine.allocating import piecewise
from services.allocation.domain.engine.explaining import explain
from services.allocation.domain.engine.exporting import city_document, plan_document
from services.allocation.domain.engine.kernel import FORBIDDEN
from services.allocation.domain.engine.problem import City, Policy

MIDDLE = (118_000_000, 32_000_000)


def ids(kind, count, rng):
    return np.stack(
        [np.full(count, kind, np.uint64), rng.permutation(1_000)[:count].astype(np.uint64)], axis=1
    )


def places(rng, count):
    """On a coarse lattice, so that many distances are equal."""
    return np.array(MIDDLE) + 20_000 * rng.integers(-2, 3, (count, 2))


def pairs(rng, rows, columns, share):
    return np.argwhere(rng.random((rows, columns)) < share).astype(np.int32)


def made_city(seed, *, firms=None, banks=None, history=True, fixed=False, roomy=False):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 9)) if firms is None else firms
    m = int(rng.integers(1, 5)) if banks is None else banks
    outlets = int(rng.integers(m, 2 * m + 2))
    capacity = rng.integers(0, max(2, 2 * n // m + 2), m)
    if roomy:
        capacity = capacity + n
    bank = np.concatenate([np.arange(m), rng.integers(0, m, outlets - m)])
    if rng.random() < 0.2:
        bank[: m - 1] = m - 1  # some banks have no outlet here
    optional = {}
    if history:
        optional["forbidden"] = pairs(rng, n, m, 0.15)
        optional["alike"] = pairs(rng, n, m, 0.2)
        optional["previous"] = rng.integers(-1, m, n).astype(np.int32)
        optional["past"] = rng.integers(0, 3, m)
    if fixed:
        optional["fixed"] = np.where(rng.random(n) < 0.3, rng.integers(0, m, n), -1).astype(
            np.int32
        )
    return City(
        code="320100",
        enterprise=ids(1, n, rng),
        place=places(rng, n),
        placed=rng.random(n) < 0.8,
        has_loan=rng.random(n) < 0.5,
        bank=ids(2, m, rng),
        capacity=capacity,
        outlet=ids(3, outlets, rng),
        outlet_place=places(rng, outlets),
        outlet_bank=bank.astype(np.int32),
        outlet_capacity=rng.integers(0, 4, outlets),
        lenders=pairs(rng, n, m, 0.2),
        **optional,
    )


def made_policy(seed, **fields):
    rng = np.random.default_rng([seed, 7])
    policy = Policy(
        seed=int(rng.integers(0, 1 << 62)),
        no_relation_m=int(rng.choice([0, 2_000, 8_000])),
        same_type_m=int(rng.choice([0, 3_000])),
        stick_m=int(rng.choice([0, 1_000, 50_000])),
        remote_m=int(rng.choice([500, 5_000])),
        band_step_m=int(rng.choice([0, 3_000, 60_000])),
        total_bp=[None, 0, 500, 2_000][rng.integers(0, 4)],
        hard_bp=[None, 0, 1_000][rng.integers(0, 3)],
        max_m=[None, None, 5_000][rng.integers(0, 3)],
    )
    return replace(policy, **fields)


def value(scored, choice):
    """What a choice of the free rows costs; None where it must not be."""
    free = np.flatnonzero(scored.free)
    hard = scored.hard[free]
    banks = scored.bounds.shape[1]
    total = 0
    for row, column in zip(free.tolist(), choice, strict=True):
        score = int(scored.score[row, column])
        if score >= FORBIDDEN:
            return None
        total += score
    for bank in range(banks):
        low, high, top, hard_low, hard_high = scored.bounds[:, bank].tolist()
        here = [at for at, column in enumerate(choice) if column == bank]
        if len(here) > top:
            return None
        total += piecewise(len(here), low, high, scored.step)
        total += piecewise(int(hard[here].sum()), hard_low, hard_high, scored.step)
    return total


def brute_force(scored):
    """The least any choice costs."""
    banks = scored.bounds.shape[1]
    everything = product(range(banks + 1), repeat=int(scored.free.sum()))
    values = (value(scored, choice) for choice in everything)
    return min(one for one in values if one is not None)


def document(*allocations):
    """A plan file's content."""
    cities = [
        city_document(
            one.scored.city, one.scored.policy, one.choice, explain(one).metres, one.prices
        )
        for one in allocations
    ]
    placed = sum(int((one.choice < len(one.scored.city.bank)).sum()) for one in allocations)
    return plan_document({"assigned": placed}, cities)

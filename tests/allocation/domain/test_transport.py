"""The exact solver against two independent ones, on hundreds of small awkward instances."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linear_sum_assignment, milp

from services.allocation.domain import transport
from services.allocation.domain.transport import FORBIDDEN, Flow, Ints, Limits, solve

OVERFLOW = 5_000


@dataclass(frozen=True, slots=True)
class Problem:
    cost: Ints
    classes: Ints
    limits: Limits

    def solve(self) -> Flow:
        return solve(self.cost, self.classes, self.limits, overflow=OVERFLOW)


def a_problem(seed: int, *, units: int, sinks: int, bands: bool) -> Problem:
    """Few distinct costs (ties), zero capacities, forbidden pairs, too little room, odd bands."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, units + 1)), int(rng.integers(1, sinks + 1))
    cost = rng.integers(0, int(rng.choice([2, 6, 50])), (n, m)).astype(np.int64)
    cost[rng.random((n, m)) < rng.choice([0.0, 0.2, 0.5])] = FORBIDDEN
    capacity = rng.integers(0, max(2, 2 * n // m + 2), m).astype(np.int64)
    free = np.full(m, n, dtype=np.int64)
    limits = Limits(capacity, free, free, np.stack([free, free]), np.stack([free, free]), 0)
    if bands:
        floor = rng.integers(0, 4, m).astype(np.int64)
        low = rng.integers(0, 3, m).astype(np.int64)
        limits = Limits(
            capacity,
            floor,
            floor + rng.integers(0, 3, m),
            np.stack([free, low]),
            np.stack([free, low + rng.integers(0, 3, m)]),
            int(rng.choice([0, 3, 40])),
        )
    return Problem(cost, rng.integers(0, 2, n).astype(np.int64), limits)


def convex(load: int, floor: int, ceiling: int, step: int) -> int:
    """What a load costs: nothing up to the floor, then one step each, above the ceiling two."""
    return step * (max(load - floor, 0) + max(load - max(floor, ceiling), 0))


def value(problem: Problem, choice: Ints) -> int:
    limits, sinks = problem.limits, problem.cost.shape[1]
    total = sum(
        OVERFLOW if sink == sinks else int(problem.cost[unit, sink])
        for unit, sink in enumerate(choice.tolist())
    )
    for sink in range(sinks):
        load = int((choice == sink).sum())
        # A floor above the capacity is cut down to it, as the solver does.
        ceiling = min(int(limits.ceiling[sink]), int(limits.capacity[sink]))
        total += convex(load, min(int(limits.floor[sink]), ceiling), ceiling, limits.step)
        for number in (0, 1):
            part = int(((choice == sink) & (problem.classes == number)).sum())
            low, high = limits.class_floor[number, sink], limits.class_ceiling[number, sink]
            total += convex(part, int(low), int(high), limits.step)
    return total


def best_by_milp(problem: Problem) -> int:
    """Mixed-integer optimum: x[unit, sink], and two excess variables for each band."""
    n, m = problem.cost.shape
    limits = problem.limits
    rows: list[np.ndarray] = []
    upper: list[float] = []
    lower: list[float] = []
    bands: list[tuple[np.ndarray, int]] = []
    x = np.eye(n * (m + 1)).reshape(n * (m + 1), n, m + 1)
    for sink in range(m):
        everybody = x[:, :, sink].sum(axis=1)
        rows.append(everybody)
        lower.append(0)
        upper.append(float(limits.capacity[sink]))
        ceiling = min(int(limits.ceiling[sink]), int(limits.capacity[sink]))
        floor = min(int(limits.floor[sink]), ceiling)
        bands += [(everybody, floor), (everybody, ceiling)]
        for number in (0, 1):
            part = x[:, problem.classes == number, sink].sum(axis=1)
            low = int(limits.class_floor[number, sink])
            bands += [(part, low), (part, max(low, int(limits.class_ceiling[number, sink])))]
    for unit in range(n):
        rows.append(x[:, unit, :].sum(axis=1))
        lower.append(1)
        upper.append(1)
    width = n * (m + 1) + len(bands)
    table = np.zeros((len(rows) + len(bands), width))
    table[: len(rows), : n * (m + 1)] = rows
    for index, (row, bound) in enumerate(bands):
        table[len(rows) + index, : n * (m + 1)] = row
        table[len(rows) + index, n * (m + 1) + index] = -1
        lower.append(-np.inf)
        upper.append(float(bound))
    with_overflow = np.concatenate([problem.cost, np.full((n, 1), OVERFLOW)], axis=1).ravel()
    allowed = with_overflow < FORBIDDEN
    found = milp(
        np.concatenate([np.where(allowed, with_overflow, 0), np.full(len(bands), limits.step)]),
        constraints=LinearConstraint(table, lower, upper),
        bounds=Bounds(0, np.concatenate([allowed.astype(float), np.full(len(bands), np.inf)])),
        integrality=np.concatenate([np.ones(n * (m + 1)), np.zeros(len(bands))]),
    )
    assert found.success
    return round(found.fun)


@pytest.mark.parametrize("block", range(10))
def test_JS_07_the_split_is_the_optimum_of_linear_sum_assignment(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        problem = a_problem(seed, units=30, sinks=6, bands=False)
        flow = problem.solve()
        copies = np.repeat(np.arange(problem.cost.shape[1]), problem.limits.capacity)
        table = np.concatenate(
            [problem.cost[:, copies], np.full((len(problem.cost),) * 2, OVERFLOW)], axis=1
        )
        table = np.where(table >= FORBIDDEN, 10_000_000, table)
        rows, columns = linear_sum_assignment(table)
        assert value(problem, flow.choice) == int(table[rows, columns].sum()), seed
        assert flow.violations == 0


def test_JS_07_a_whole_town_is_the_optimum_of_linear_sum_assignment() -> None:
    rng = np.random.default_rng(5)
    cost = rng.integers(0, 300, (700, 12)).astype(np.int64)
    room = np.full(12, 60, dtype=np.int64)
    free = np.full(12, 701, dtype=np.int64)
    limits = Limits(room, free, free, np.stack([free]), np.stack([free]), 0)
    flow = solve(cost, np.zeros(700, np.int64), limits, overflow=OVERFLOW)
    copies = np.repeat(np.arange(12), 60)
    rows, columns = linear_sum_assignment(cost[:, copies])
    assert int(cost[np.arange(700), flow.choice].sum()) == int(cost[:, copies][rows, columns].sum())
    assert flow.violations == 0


@pytest.mark.parametrize("block", range(10))
def test_JS_07_the_split_with_both_bands_is_the_optimum_of_highs(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        problem = a_problem(1_000 + seed, units=9, sinks=4, bands=True)
        flow = problem.solve()
        assert value(problem, flow.choice) == best_by_milp(problem), seed
        assert flow.violations == 0


@pytest.mark.parametrize("seed", range(60))
def test_JS_07_no_capacity_is_exceeded_and_no_forbidden_pair_is_made(seed: int) -> None:
    problem = a_problem(9_000 + seed, units=60, sinks=8, bands=True)
    choice = problem.solve().choice
    sinks = problem.cost.shape[1]
    loads = np.bincount(choice, minlength=sinks + 1)[:sinks]
    placed = np.flatnonzero(choice < sinks)
    assert (loads <= problem.limits.capacity).all()
    assert (problem.cost[placed, choice[placed]] < FORBIDDEN).all()


@pytest.mark.parametrize("seed", range(40))
def test_A4_the_optimum_does_not_depend_on_the_order_of_units(seed: int) -> None:
    problem = a_problem(20_000 + seed, units=40, sinks=5, bands=True)
    order = np.random.default_rng(seed).permutation(len(problem.cost))
    turned = replace(problem, cost=problem.cost[order], classes=problem.classes[order])
    assert value(problem, problem.solve().choice) == value(turned, turned.solve().choice)


@pytest.mark.parametrize("seed", range(60))
def test_U8_the_price_of_a_full_sink_is_what_one_more_place_saves(seed: int) -> None:
    problem = a_problem(30_000 + seed, units=25, sinks=4, bands=False)
    flow = problem.solve()
    before = value(problem, flow.choice)
    for sink in range(problem.cost.shape[1]):
        capacity = problem.limits.capacity.copy()
        capacity[sink] += 1
        richer = replace(problem, limits=replace(problem.limits, capacity=capacity))
        saved = before - value(richer, richer.solve().choice)
        assert saved == int(flow.price[:, sink].max()), seed


def test_A2_an_empty_list_and_a_city_without_banks_are_no_errors() -> None:
    nobody = np.zeros((0, 3), dtype=np.int64)
    room = np.array([1, 2, 3], dtype=np.int64)
    limits = Limits(room, room, room, np.stack([room, room]), np.stack([room, room]), 1)
    assert solve(nobody, np.zeros(0, dtype=np.int64), limits, overflow=9).choice.size == 0
    none = np.zeros(0, dtype=np.int64)
    limits = Limits(none, none, none, np.stack([none, none]), np.stack([none, none]), 1)
    flow = solve(np.zeros((4, 0), np.int64), np.zeros(4, np.int64), limits, overflow=9)
    assert flow.choice.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("cost", "overflow"), [(-1, 9), (10, 9), (1, 1 << 58), (0, -1)])
def test_a_cost_out_of_range_is_refused(cost: int, overflow: int) -> None:
    one = np.ones(1, dtype=np.int64)
    limits = Limits(one, one, one, np.stack([one]), np.stack([one]), 1)
    with pytest.raises(ValueError, match="out of range"):
        solve(np.array([[cost]]), np.zeros(1, np.int64), limits, overflow=overflow)


def test_a_damaged_network_is_an_error_and_no_endless_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(length: Ints, sources: Ints) -> tuple[Ints, Ints]:
        return np.full(len(length), FORBIDDEN), np.full(len(length), -1 - 0 * sources[0])

    monkeypatch.setattr(transport, "_shortest", nowhere)
    monkeypatch.setattr(transport, "START_ROUNDS", 0)
    problem = a_problem(3, units=30, sinks=4, bands=False)
    with pytest.raises(ArithmeticError):
        problem.solve()


def test_a_flow_that_is_not_optimal_is_an_error_and_no_endless_loop() -> None:
    cycle = np.full((3, 3), FORBIDDEN, dtype=np.int64)
    cycle[0, 1], cycle[1, 2], cycle[2, 0] = 1, 1, -3
    with pytest.raises(ArithmeticError, match="negative cycle"):
        transport._shortest(cycle, np.array([0]))

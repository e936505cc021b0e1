"""What-if: the live plan's city under other weights, bands or capacities, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from uuid import UUID

import numpy as np

from services.allocation.domain.engine.allocating import Allocation
from services.allocation.domain.engine.comparing import (
    PriceOfPolicy,
    prices_of_policy,
    what_if,
    with_capacities,
)
from services.allocation.domain.engine.explaining import held
from services.allocation.domain.engine.measuring import Measures, measure_all
from services.allocation.domain.engine.problem import City, Ints, Policy, Smalls
from services.allocation.domain.publishing import Stored
from services.allocation.domain.tasks import CityTask, Problem, problem_of

WEIGHTS = ("no_relation_m", "same_type_m", "stick_m", "remote_m", "band_step_m")


@dataclass(frozen=True, slots=True)
class Changes:
    """What a scenario changes; None: as it is. `total_bp` and `hard_bp` -1: no band at all.

    `capacities` by city and institution: how many enterprises it could take there.
    """

    no_relation_m: int | None = None
    same_type_m: int | None = None
    stick_m: int | None = None
    remote_m: int | None = None
    band_step_m: int | None = None
    total_bp: int | None = None
    hard_bp: int | None = None
    capacities: dict[str, dict[UUID, int]] = field(default_factory=dict[str, dict[UUID, int]])


@dataclass(frozen=True, slots=True, eq=False)
class LiveCity:
    """A city of the live plan: what it was solved from, and who stands where (or none)."""

    problem: Problem
    choice: Smalls


@dataclass(frozen=True, slots=True)
class Move:
    """An enterprise that would go elsewhere, with the metres to both; None: no bank."""

    enterprise_id: UUID
    city_code: str
    from_id: UUID | None
    to_id: UUID | None
    from_m: int | None
    to_m: int | None


@dataclass(frozen=True, slots=True)
class ScenarioLoad:
    """An institution in a city: what it has now and would have."""

    city_code: str
    institution_id: UUID
    capacity: int
    now: int
    then: int
    hard_now: int
    hard_then: int
    price_m: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scenario beside the live plan: both measured by the scenario's weights."""

    now: Measures
    then: Measures
    moves: tuple[Move, ...]
    load: tuple[ScenarioLoad, ...]


def live_city(task: CityTask, rows: Mapping[UUID, Stored]) -> LiveCity:
    """A stored group of the plan in force, as arrays.

    Source:  feature A5.
    """
    problem = problem_of(task)
    column_of = {one.node_id: at for at, one in enumerate(problem.receivers)}
    assert problem.city.fixed is not None  # problem_of always sets it
    choice = problem.city.fixed.copy()
    for row in np.flatnonzero(choice < 0).tolist():
        node_id, _, _ = rows.get(problem.enterprises[row].enterprise_id, (None, None, None))
        choice[row] = len(column_of) if node_id is None else column_of[UUID(str(node_id))]
    return LiveCity(problem, choice)


def compare(cities: Sequence[LiveCity], changes: Changes) -> Outcome:
    """Solve the cities with the changes, and set the result beside what is. Nothing is published.

    Units:   metres, enterprises, basis points.
    Source:  features A5, U9.
    """
    now: list[Allocation] = []
    then: list[Allocation] = []
    moves: list[Move] = []
    load: list[ScenarioLoad] = []
    for live in cities:
        city, policy = changed(live, changes)
        found = what_if(city, policy, live.choice)
        now.append(found.now)
        then.append(found.scenario)
        moves += _moves(live, found.moved, found.now, found.scenario)
        load += _load(live, found.now, found.scenario)
    return Outcome(measure_all(now), measure_all(then), tuple(moves), tuple(load))


def changed(live: LiveCity, changes: Changes) -> tuple[City, Policy]:
    """A live city's arrays and policy with the changes made.

    Source:  feature A5.
    """
    problem = live.problem
    given = {name: getattr(changes, name) for name in WEIGHTS}
    policy = replace(problem.policy, **{k: v for k, v in given.items() if v is not None})
    if changes.total_bp is not None:
        policy = replace(policy, total_bp=None if changes.total_bp < 0 else changes.total_bp)
    if changes.hard_bp is not None:
        policy = replace(policy, hard_bp=None if changes.hard_bp < 0 else changes.hard_bp)
    own = {
        (city, institution): size
        for city, sizes in changes.capacities.items()
        for institution, size in sizes.items()
    }
    capacities = {
        at: own[one.city_code, one.institution_id]
        for at, one in enumerate(problem.receivers)
        if (one.city_code, one.institution_id) in own
    }
    previous = np.where(live.choice < len(problem.receivers), live.choice, -1)
    city = replace(problem.city, previous=previous.astype(np.int32))
    return with_capacities(city, capacities), policy


def policy_prices(cities: Sequence[LiveCity], changes: Changes) -> tuple[PriceOfPolicy, ...]:
    """What each part of the policy costs: all cities solved again without it.

    Units:   metre-equivalents; metres.
    Source:  feature A5.
    """
    totals: dict[str, PriceOfPolicy] = {}
    for live in cities:
        for one in prices_of_policy(*changed(live, changes), live.choice):
            sum_so_far = totals.get(one.part, PriceOfPolicy(one.part, 0, 0))
            totals[one.part] = PriceOfPolicy(
                one.part, sum_so_far.cost_m + one.cost_m, sum_so_far.travelled_m + one.travelled_m
            )
    return tuple(totals.values())


def _moves(live: LiveCity, moved: Ints, now: Allocation, then: Allocation) -> list[Move]:
    ids = [*(one.node_id for one in live.problem.receivers), None]
    none = len(ids) - 1
    metres = now.scored.metres

    def way(row: int, bank: int) -> int | None:
        return None if bank == none else int(metres[row, bank])

    return [
        Move(
            live.problem.enterprises[row].enterprise_id,
            live.problem.city.code,
            ids[old],
            ids[new],
            way(row, old),
            way(row, new),
        )
        for row, old, new in zip(
            moved.tolist(), now.choice[moved].tolist(), then.choice[moved].tolist(), strict=True
        )
    ]


def _load(live: LiveCity, now: Allocation, then: Allocation) -> list[ScenarioLoad]:
    before, hard_before = (one.tolist() for one in held(now))
    after, hard_after = (one.tolist() for one in held(then))
    capacity = then.scored.city.capacity.tolist()
    prices = (then.slot_prices[0] >> then.scored.shift).tolist()
    return [
        ScenarioLoad(
            one.city_code, one.institution_id, capacity[at], before[at], after[at],
            hard_before[at], hard_after[at], prices[at],
        )
        for at, one in enumerate(live.problem.receivers)
    ]  # fmt: skip


def measures_of(measures: Measures) -> dict[str, int]:
    """The numbers of a measurement by name, with the mean way."""
    named = {one.name: int(getattr(measures, one.name)) for one in fields(measures)}
    return named | {"mean_m": measures.mean_m}

"""What a city's part of a plan is computed from, and the arrays the engine takes of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np

from services.allocation.domain.capacity import CapacityRules, institutions_in_city
from services.allocation.domain.engine.problem import (
    City,
    Ints,
    Policy,
    Smalls,
    halves,
    in_order,
    no_pairs,
)
from services.allocation.domain.model import Enterprise, InstitutionInCity, Outlet
from services.allocation.domain.policy import CostWeights, FairnessBands, engine_policy
from services.allocation.domain.rotation import CUMULATED_FROM, RotationRules, rounds_of

_NO_ONE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class CityTask:
    """One city's part of a tier-2 plan, or of a rotation where `rotation` is set (JS-19).

    `outlets` are those in the city; `types` of all institutions. `current` says which institution
    has an enterprise now; those in `fixed` stay there whatever happens. `past` counts what each
    institution has had in earlier rounds. `declared` are capacities that the bureau has set.
    """

    city_code: str
    seed: int
    enterprises: tuple[Enterprise, ...]
    outlets: tuple[Outlet, ...]
    types: dict[UUID, str]
    capacity: CapacityRules
    weights: CostWeights
    bands: FairnessBands
    rotation: RotationRules | None = None
    current: dict[UUID, UUID] = field(default_factory=dict[UUID, UUID])
    fixed: frozenset[UUID] = frozenset()
    past: dict[UUID, int] = field(default_factory=dict[UUID, int])
    declared: dict[UUID, int] = field(default_factory=dict[UUID, int])


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A task as the engine takes it, in order, with the names of its rows and columns."""

    city: City
    policy: Policy
    enterprises: tuple[Enterprise, ...]
    institutions: tuple[InstitutionInCity, ...]
    outlets: tuple[Outlet, ...]


def problem_of(task: CityTask) -> Problem:
    """The arrays of a task: who has had all rounds takes no part, unless it stays where it is.

    Source:  rules JS-07, JS-19; feature A2.
    """
    rules = task.rotation
    going = (
        one
        for one in task.enterprises
        if rules is None or one.enterprise_id in task.fixed or rounds_of(one) < rules.max_rounds
    )
    rows = tuple(sorted(going, key=lambda one: one.enterprise_id.int))
    outlets = tuple(
        sorted((one for one in task.outlets if one.officers > 0), key=lambda one: one.outlet_id.int)
    )
    institutions = institutions_in_city(
        task.outlets,
        task.types,
        city_code=task.city_code,
        listed=len(task.enterprises),
        rules=task.capacity,
        declared=task.declared,
    )
    same_type_m = rules.same_type_m if rules else 0
    policy = engine_policy(task.weights, task.bands, seed=task.seed, same_type_m=same_type_m)
    city = _city(task, rows, institutions, outlets)
    return Problem(in_order(city), policy, rows, institutions, outlets)


def _city(
    task: CityTask,
    rows: tuple[Enterprise, ...],
    institutions: tuple[InstitutionInCity, ...],
    outlets: tuple[Outlet, ...],
) -> City:
    column_of = {one.institution_id: at for at, one in enumerate(institutions)}
    current = [column_of.get(task.current.get(one.enterprise_id, _NO_ONE), -1) for one in rows]
    fixed = [
        at if one.enterprise_id in task.fixed else -1 for at, one in zip(current, rows, strict=True)
    ]
    rounds = max((rounds_of(one) for one in rows), default=0)
    past = [task.past.get(one.institution_id, 0) for one in institutions]
    cumulated = task.rotation is not None and rounds + 1 >= CUMULATED_FROM
    return City(
        code=task.city_code,
        enterprise=halves(one.enterprise_id for one in rows),
        place=_places(rows),
        placed=np.array([one.precision in task.weights.distance_from for one in rows], dtype=bool),
        has_loan=np.array([one.has_loan is True for one in rows], dtype=bool),
        bank=halves(column_of),
        capacity=np.array([one.capacity for one in institutions], dtype=np.int64),
        outlet=halves(one.outlet_id for one in outlets),
        outlet_place=_places(outlets),
        outlet_bank=np.array([column_of[one.institution_id] for one in outlets], dtype=np.int32),
        lenders=_pairs(rows, column_of, lambda one: one.lender_ids),
        forbidden=_pairs(rows, column_of, lambda one: one.previous_ids),
        alike=_alike(rows, institutions, task.types) if task.rotation else no_pairs(),
        previous=np.array(current, dtype=np.int32) if task.rotation is None else None,
        fixed=np.array(fixed, dtype=np.int32),
        past=np.array(past, dtype=np.int64) if cumulated else None,
    )


def _places(placed: Iterable[Enterprise] | Iterable[Outlet]) -> Ints:
    found = [(one.longitude_e6, one.latitude_e6) for one in placed]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _pairs(rows: tuple[Enterprise, ...], column_of: dict[UUID, int], whom: Any) -> Smalls:
    found = sorted(
        {
            (at, column_of[one])
            for at, row in enumerate(rows)
            for one in whom(row)
            if one in column_of
        }
    )
    return np.array(found, dtype=np.int32).reshape(-1, 2)


def _alike(
    rows: tuple[Enterprise, ...],
    institutions: tuple[InstitutionInCity, ...],
    types: dict[UUID, str],
) -> Smalls:
    """Pairs where a bank of the same type has had the enterprise before."""
    of_type: dict[str, list[int]] = {}
    for at, one in enumerate(institutions):
        of_type.setdefault(one.institution_type, []).append(at)
    found = {
        (at, column)
        for at, row in enumerate(rows)
        for kind in {types[one] for one in row.previous_ids if one in types}
        for column in of_type.get(kind, ())
    }
    return np.array(sorted(found), dtype=np.int32).reshape(-1, 2)

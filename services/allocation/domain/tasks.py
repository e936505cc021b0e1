"""What a group's part of a plan is computed from, and the arrays the engine takes of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args
from uuid import UUID

import numpy as np

from services.allocation.domain.capacity import CapacityRules, outlet_rooms, receivers
from services.allocation.domain.engine.problem import (
    City,
    Ints,
    Policy,
    Smalls,
    halves,
    in_order,
    no_pairs,
)
from services.allocation.domain.model import Enterprise, NodeKind, Outlet, Receiver, node_id_of
from services.allocation.domain.policy import CostWeights, FairnessBands, engine_policy
from services.allocation.domain.rotation import CUMULATED_FROM, RotationRules, rounds_of

_NO_ONE = UUID(int=0)
Form = Literal["kernel", "joint"]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, slots=True)
class CityTask:
    """One group's part of a plan: a city's, or a bank's where `institution_id` is set.

    `to` says who receives: institutions in the city, or the bank's branches or outlets; nodes below
    are these. `outlets` are those of the group; `types` of all institutions. `current` says which
    node has an enterprise now; those in `fixed` stay there whatever happens. `past` counts what
    each node has had in earlier rounds. `declared` are capacities that the bureau has set. In the
    joint `form` each outlet has a limit of its own. `rotation`: unmatched ones move on (JS-19).
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
    to: NodeKind = NodeKind.INSTITUTION
    institution_id: UUID | None = None
    form: Form = "kernel"


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A task as the engine takes it, in order, with the names of its rows and columns."""

    city: City
    policy: Policy
    enterprises: tuple[Enterprise, ...]
    receivers: tuple[Receiver, ...]
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
    nodes = receivers(
        outlets,
        task.types,
        listed=len(task.enterprises),
        rules=task.capacity,
        to=task.to,
        declared=task.declared,
    )
    same_type_m = rules.same_type_m if rules else 0
    policy = engine_policy(task.weights, task.bands, seed=task.seed, same_type_m=same_type_m)
    city = _city(task, rows, nodes, outlets)
    return Problem(in_order(city), policy, rows, nodes, outlets)


def _city(
    task: CityTask,
    rows: tuple[Enterprise, ...],
    nodes: tuple[Receiver, ...],
    outlets: tuple[Outlet, ...],
) -> City:
    column_of = {one.node_id: at for at, one in enumerate(nodes)}
    current = [column_of.get(task.current.get(one.enterprise_id, _NO_ONE), -1) for one in rows]
    fixed = [
        at if one.enterprise_id in task.fixed else -1 for at, one in zip(current, rows, strict=True)
    ]
    rounds = max((rounds_of(one) for one in rows), default=0)
    past = [task.past.get(one.node_id, 0) for one in nodes]
    cumulated = task.rotation is not None and rounds + 1 >= CUMULATED_FROM
    of_outlet = [column_of[node_id_of(one, task.to)] for one in outlets]
    return City(
        code=task.city_code,
        enterprise=halves(one.enterprise_id for one in rows),
        place=_places(rows),
        placed=np.array([one.precision in task.weights.distance_from for one in rows], dtype=bool),
        has_loan=np.array([one.has_loan is True for one in rows], dtype=bool),
        bank=halves(column_of),
        capacity=np.array([one.capacity for one in nodes], dtype=np.int64),
        outlet=halves(one.outlet_id for one in outlets),
        outlet_place=_places(outlets),
        outlet_bank=np.array(of_outlet, dtype=np.int32),
        outlet_capacity=_rooms(outlets, nodes) if task.form == "joint" else None,
        lenders=_lenders(rows, nodes),
        forbidden=_forbidden(rows, column_of),
        alike=_alike(rows, nodes, task.types) if task.rotation else no_pairs(),
        previous=np.array(current, dtype=np.int32) if task.rotation is None else None,
        fixed=np.array(fixed, dtype=np.int32),
        past=np.array(past, dtype=np.int64) if cumulated else None,
    )


def _rooms(outlets: tuple[Outlet, ...], nodes: tuple[Receiver, ...]) -> Ints:
    room = outlet_rooms(outlets, nodes)
    return np.array([room[one.outlet_id] for one in outlets], dtype=np.int64)


def _places(placed: Iterable[Enterprise] | Iterable[Outlet]) -> Ints:
    found = [(one.longitude_e6, one.latitude_e6) for one in placed]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _pairs(found: Iterable[tuple[int, int]]) -> Smalls:
    return np.array(sorted(found), dtype=np.int32).reshape(-1, 2)


def _lenders(rows: tuple[Enterprise, ...], nodes: tuple[Receiver, ...]) -> Smalls:
    """Pairs where the node's bank has lent to the enterprise."""
    of_bank: dict[UUID, list[int]] = {}
    for at, one in enumerate(nodes):
        of_bank.setdefault(one.institution_id, []).append(at)
    return _pairs(
        (at, column)
        for at, row in enumerate(rows)
        for lender in row.lender_ids
        for column in of_bank.get(lender, ())
    )


def _forbidden(rows: tuple[Enterprise, ...], column_of: dict[UUID, int]) -> Smalls:
    return _pairs(
        (at, column_of[one])
        for at, row in enumerate(rows)
        for one in frozenset(row.previous_ids)
        if one in column_of
    )


def _alike(
    rows: tuple[Enterprise, ...], nodes: tuple[Receiver, ...], types: dict[UUID, str]
) -> Smalls:
    """Pairs where a bank of the same type has had the enterprise before."""
    of_type: dict[str, list[int]] = {}
    for at, one in enumerate(nodes):
        of_type.setdefault(one.institution_type, []).append(at)
    return _pairs(
        (at, column)
        for at, row in enumerate(rows)
        for kind in {types[one] for one in row.previous_ids if one in types}
        for column in of_type.get(kind, ())
    )

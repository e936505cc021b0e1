"""A stored group as it is published: what it was solved from, who got whom, the prices."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np

from services.allocation.domain.engine.exporting import city_document, seated_document
from services.allocation.domain.engine.pairing import ground_of
from services.allocation.domain.engine.problem import Ints
from services.allocation.domain.engine.scoring import score_city
from services.allocation.domain.model import NodeKind
from services.allocation.domain.planning import CityPlan, solve_city
from services.allocation.domain.tasks import CityTask, Problem, problem_of
from services.allocation.domain.tier_one import BureauTask, digest, rooms, solve_tier_one

Task = CityTask | BureauTask
#: Node or bureau's city, metres, nearest outlet (in the joint form the one where its seat is).
Stored = tuple[UUID | str | None, int | None, UUID | None]
Prices = Mapping[UUID, tuple[int, int]]


def solve(task: Task) -> CityPlan:
    """Solve a stored part of a plan, whichever tier it is of.

    Units:   metres; enterprises.
    Source:  rules JS-06, JS-07, JS-19; features A2, A3, U8.
    """
    return solve_tier_one(task) if isinstance(task, BureauTask) else solve_city(task)


def published_part(
    task: Task, rows: Mapping[UUID, Stored], prices: Prices, bound: str
) -> dict[str, Any]:
    """One part of the plan file (docs/plan-file.md), from what is stored and nothing else.

    `rows` say where each enterprise goes, as it was published.

    Units:   metres; micro-degrees; prices in units of the scores.
    Source:  features A1, A3, U8.
    """
    if isinstance(task, BureauTask):
        return _bureaus(task, rows)
    problem = problem_of(task)
    if task.form == "joint":
        return _seats(problem, rows, prices) | {"bound": bound}
    return _nodes(problem, rows, prices)


def _nodes(problem: Problem, rows: Mapping[UUID, Stored], prices: Prices) -> dict[str, Any]:
    city = problem.city
    column_of: dict[UUID | str | None, int] = {
        one.node_id: at for at, one in enumerate(problem.receivers)
    }
    column_of[None] = len(problem.receivers)
    assert city.fixed is not None  # problem_of always sets it
    choice, fixed = city.fixed.copy(), city.fixed >= 0
    metres = np.full(len(choice), -1, dtype=np.int64)
    if fixed.any():
        at = np.flatnonzero(fixed)
        metres[at] = score_city(city, problem.policy).metres[at, choice[at]]
    for row in np.flatnonzero(~fixed).tolist():
        node_id, distance_m, _ = rows[problem.enterprises[row].enterprise_id]
        choice[row] = column_of[node_id]
        metres[row] = -1 if distance_m is None else distance_m
    table = [prices[one.node_id] for one in problem.receivers]
    return city_document(
        city, problem.policy, choice, metres, np.array(table, dtype=np.int64).reshape(-1, 2).T
    )


def _seats(problem: Problem, rows: Mapping[UUID, Stored], prices: Prices) -> dict[str, Any]:
    city = problem.city
    seat_of: dict[UUID | None, int] = {one.outlet_id: at for at, one in enumerate(problem.outlets)}
    seat_of[None] = -1
    held = [rows[one.enterprise_id] for one in problem.enterprises]
    outlet = np.array([seat_of[seat if node else None] for node, _, seat in held], dtype=np.int32)
    metres = np.array([-1 if way is None else way for _, way, _ in held], dtype=np.int64)
    table = [prices[one.outlet_id] for one in problem.outlets]
    at_outlet, at_bank = np.array(table, dtype=np.int64).reshape(-1, 2).T
    of_bank: Ints = np.zeros(len(problem.receivers), dtype=np.int64)
    of_bank[city.outlet_bank] = at_bank
    ground = ground_of(score_city(city, problem.policy))
    return seated_document(
        city, problem.policy, outlet, metres, np.concatenate([at_outlet, of_bank]),
        (ground.shift, ground.overflow_m),
    )  # fmt: skip


def _bureaus(task: BureauTask, rows: Mapping[UUID, Stored]) -> dict[str, Any]:
    room = rooms(task)
    codes = sorted({one.city_code for one in task.enterprises} | set(room))
    place = {code: at for at, code in enumerate(codes)}
    firms = sorted(task.enterprises, key=lambda one: one.enterprise_id.int)
    desks = sorted(
        (
            one
            for one in task.outlets
            if one.officers > 0 and one.city_code == task.direct_city_code
        ),
        key=lambda one: one.outlet_id.int,
    )
    held = [rows[one.enterprise_id] for one in firms]
    direct = [not isinstance(city, str) for city, _, _ in held]
    to = [
        task.direct_city_code or "" if straight else str(city)
        for straight, (city, _, _) in zip(direct, held, strict=True)
    ]
    kinds = [NodeKind.INSTITUTION if one else NodeKind.BUREAU for one in direct]
    ids = [one.enterprise_id for one in firms]
    return {
        "kind": "bureaus",
        "city": task.province_code,
        "seed": task.seed,
        "direct_city": task.direct_city_code,
        "cities": {"code": codes, "room": [room.get(code, 0) for code in codes]},
        "outlets": {
            "id": [str(one.outlet_id) for one in desks],
            "longitude_e6": [one.longitude_e6 for one in desks],
            "latitude_e6": [one.latitude_e6 for one in desks],
        },
        "enterprises": {
            "id": [str(one.enterprise_id) for one in firms],
            "longitude_e6": [one.longitude_e6 for one in firms],
            "latitude_e6": [one.latitude_e6 for one in firms],
            "city": [place[one.city_code] for one in firms],
        },
        "to": [place[code] for code in to],
        "direct": [int(one) for one in direct],
        "metres": [-1 if way is None else way for _, way, _ in held],
        "digest": digest(zip(ids, to, kinds, strict=True)),
    }

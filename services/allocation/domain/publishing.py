"""A stored city as it is published: what it was solved from, who got whom, the prices."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np

from services.allocation.domain.engine.exporting import city_document
from services.allocation.domain.engine.scoring import score_city
from services.allocation.domain.tasks import CityTask, problem_of

Stored = tuple[UUID | None, int | None]


def published_city(
    task: CityTask, rows: Mapping[UUID, Stored], prices: Mapping[UUID, tuple[int, int]]
) -> dict[str, Any]:
    """One city of the plan file (docs/plan-file.md), from what is stored and nothing else.

    `rows` say the institution of each enterprise with the metres, as they were published.

    Units:   metres; micro-degrees; prices in units of the scores.
    Source:  features A3, U8.
    """
    problem = problem_of(task)
    city = problem.city
    none = len(problem.institutions)
    column_of: dict[UUID | None, int] = {
        one.institution_id: at for at, one in enumerate(problem.institutions)
    }
    column_of[None] = none
    assert city.fixed is not None  # problem_of always sets it
    choice, fixed = city.fixed.copy(), city.fixed >= 0
    metres = np.full(len(choice), -1, dtype=np.int64)
    if fixed.any():
        at = np.flatnonzero(fixed)
        metres[at] = score_city(city, problem.policy).metres[at, choice[at]]
    for row in np.flatnonzero(~fixed).tolist():
        institution_id, distance_m = rows[problem.enterprises[row].enterprise_id]
        choice[row] = column_of[institution_id]
        metres[row] = -1 if distance_m is None else distance_m
    table = [prices[one.institution_id] for one in problem.institutions]
    return city_document(
        city, problem.policy, choice, metres, np.array(table, dtype=np.int64).reshape(-1, 2).T
    )

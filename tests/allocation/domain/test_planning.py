"""A city's plan by name: reasons that can be checked by hand, a load that adds up, a replay."""

from dataclasses import replace
from random import Random

import msgspec
import pytest

from services.allocation.domain.engine.measuring import gini_bp
from services.allocation.domain.planning import plan_of, quotas, solution_of, solve_city
from services.allocation.domain.policy import CostWeights, FairnessBands
from services.allocation.domain.tasks import CityTask, Form, problem_of
from tests.allocation.domain.build import a_city

FREE = FairnessBands(total_bp=None, hard_bp=None)


@pytest.mark.parametrize("tightness", [0.8, 1.2, 4.0])
def test_A3_every_reason_can_be_checked_by_hand(tightness: float) -> None:
    city = a_city(enterprises=120, banks=6, tightness=tightness, seed=3)
    weights = CostWeights()
    of_bank = {one.outlet_id: one.institution_id for one in city.outlets}
    lenders = {one.enterprise_id: one.lender_ids for one in city.enterprises}
    plan = solve_city(city.task(weights=weights))
    assert (plan.violations, plan.cost) == (0, plan.bound)
    for row in plan.rows:
        reason = row.reason
        if row.institution_id is None:
            assert (reason["binding"], row.distance_m) == ("no_place", None)
            continue
        assert row.nearest_outlet_id
        assert of_bank[row.nearest_outlet_id] == row.institution_id
        related = row.institution_id in lenders[row.enterprise_id]
        assert reason["has_relation"] == related
        assert reason["cost_m"] == row.distance_m + (0 if related else weights.no_relation_m)
        assert reason["margin_m"] >= 0
        assert (reason["binding"] == "none") == (reason["cheapest_id"] == row.institution_id)
        assert (reason["distance_rank"] == 1) == (reason["nearest_id"] == row.institution_id)


@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        (FREE, {"none", "capacity"}),
        (
            FairnessBands(total_bp=0, hard_bp=None),
            {"none", "capacity", "fair_share", "others_floor"},
        ),
    ],
)
def test_A3_the_binding_limit_is_the_one_that_was_set(
    bands: FairnessBands, expected: set[str]
) -> None:
    city = a_city(enterprises=150, banks=6, tightness=1.3, seed=4)
    found = {row.reason["binding"] for row in solve_city(city.task(bands=bands)).rows}
    assert found <= expected
    assert len(found) > 1


@pytest.mark.parametrize(
    ("form", "hard_bp", "violations"),
    [("kernel", 500, 1), ("kernel", None, 1), ("joint", None, 1), ("joint", 500, 0)],
)
def test_U8_a_cost_above_the_bound_is_a_violation_where_the_bound_knows_every_limit(
    form: Form, hard_bp: int | None, violations: int
) -> None:
    bands = FairnessBands(total_bp=500, hard_bp=hard_bp)
    task = a_city(enterprises=40, banks=4, tightness=2.0).task(form=form, bands=bands)
    problem = problem_of(task)
    solution = solution_of(task, problem)
    assert plan_of(task, problem, solution).violations == 0
    above = replace(solution.certificate, primal=solution.certificate.dual + 1)
    other = plan_of(task, problem, replace(solution, certificate=above))
    assert other.violations == violations


def test_U8_the_load_report_adds_up_and_the_quotas_sum_to_the_list() -> None:
    city = a_city(enterprises=200, banks=7, seed=5)
    plan = solve_city(city.task())
    assert sum(one.assigned for one in plan.load) == 200
    assert sum(one.quota for one in plan.load) == 200
    assert sum(one.hard for one in plan.load) == sum(row.reason["hard"] for row in plan.rows)
    assert {one.capacity_source for one in plan.load} == {"set"}
    assert plan.longest_m == max(row.distance_m or 0 for row in plan.rows)


@pytest.mark.parametrize("seed", range(4))
def test_A4_the_order_of_enterprises_banks_and_outlets_changes_nothing(seed: int) -> None:
    city = a_city(enterprises=150, banks=6, seed=seed)
    turned = city.shuffled(Random(seed).randint(0, 99))
    assert solve_city(turned.task()).digest == solve_city(city.task()).digest


def test_A3_replaying_the_stored_task_gives_the_same_banks() -> None:
    task = a_city(enterprises=80, banks=5).task()
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(task), type=CityTask)
    assert solve_city(stored) == solve_city(task)


def test_A1_a_late_arrival_moves_nobody_who_need_not_move() -> None:
    city = a_city(enterprises=300, banks=6, tightness=1.4, seed=6)
    early = replace(city, enterprises=city.enterprises[:-6])
    first = {
        row.enterprise_id: row.institution_id
        for row in solve_city(early.task()).rows
        if row.institution_id
    }
    weights = CostWeights(stick_m=20_000)
    then = solve_city(city.task(current=first, weights=weights))
    loose = solve_city(city.task(current=first, weights=CostWeights(stick_m=0)))

    def moves(plan):
        return sum(
            first.get(row.enterprise_id, row.institution_id) != row.institution_id
            for row in plan.rows
        )

    assert moves(then) <= moves(loose)
    assert moves(then) <= 2
    assert all(row.institution_id for row in then.rows)


@pytest.mark.parametrize(("capacities", "total"), [([3, 3, 3], 10), ([0, 5, 1], 7), ([0, 0], 4)])
def test_A2_quotas_sum_to_the_list_and_no_capacity_gets_no_quota(
    capacities: list[int], total: int
) -> None:
    import numpy as np

    found = quotas(np.array(capacities, dtype=np.int64), total).tolist()
    assert sum(found) == (total if sum(capacities) else 0)
    assert all(quota == 0 for quota, size in zip(found, capacities, strict=True) if size == 0)


def test_JS_07_a_city_without_any_bank_leaves_everyone_over_and_says_so() -> None:
    city = replace(a_city(enterprises=5, banks=2), institutions=(), outlets=())
    plan = solve_city(city.task())
    assert [row.institution_id for row in plan.rows] == [None] * 5
    (shortage,) = plan.shortages
    assert (shortage.node_ids, shortage.slots, shortage.short) == ((), 0, 5)


def test_A4_the_gini_coefficient_is_the_textbook_one() -> None:
    assert gini_bp([5, 5, 5]) == 0
    assert gini_bp([0, 0, 0, 8]) == 7_500
    assert gini_bp([1, 3]) == 2_500
    assert gini_bp([]) == 0

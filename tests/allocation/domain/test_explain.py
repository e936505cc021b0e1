"""The reason of each enterprise and the spread of the load, checked against the raw costs."""

from dataclasses import replace

import numpy as np
import pytest

from services.allocation.domain.explain import Binding, explanations, gini_bp, load_report
from services.allocation.domain.splitting import FairnessBands, split_city
from services.allocation.domain.transport import FORBIDDEN
from tests.allocation.domain.build import City, a_city


@pytest.mark.parametrize("tightness", [0.9, 1.0, 1.4])
def test_A3_every_reason_can_be_checked_by_hand(tightness: float) -> None:
    split = split_city(
        a_city(enterprises=250, banks=7, tightness=tightness).costs(), FairnessBands()
    )
    costs = split.costs
    column = {one.institution_id: at for at, one in enumerate(costs.institutions)}
    for row, reason in enumerate(explanations(split)):
        assert reason.tie_seed == 7
        if reason.institution_id is None:
            assert reason.binding is Binding.NO_PLACE
            continue
        own = column[reason.institution_id]
        assert own == split.choice[row]
        assert reason.metres == costs.metres[row, own]
        assert reason.cost_m == reason.metres + (0 if reason.has_relation else 8_000)
        nearer = (costs.metres[row] < reason.metres).sum()
        assert reason.distance_rank == nearer + 1
        assert reason.runner_up_id is not None
        assert reason.runner_up_id != reason.institution_id
        second = column[reason.runner_up_id]
        assert reason.runner_up_extra_m == costs.cost[row, second] - costs.cost[row, own]
        assert reason.margin_m is not None
        assert reason.margin_m >= 0
        assert reason.tie_number == costs.tie[row, own]
        outlet = costs.outlets[int(costs.nearest[row, own])]
        assert (reason.outlet_id, outlet.institution_id) == (
            outlet.outlet_id,
            reason.institution_id,
        )


def test_A3_a_limit_is_named_exactly_where_the_cheapest_bank_was_not_had() -> None:
    split = split_city(a_city(enterprises=300, banks=6, tightness=1.0).costs(), FairnessBands())
    reasons = explanations(split)
    assert {one.binding for one in reasons} > {Binding.NONE}
    for row, one in enumerate(reasons):
        cheapest = int(split.costs.cost[row].min())
        if one.cost_m is not None and one.cost_m > cheapest:
            assert one.binding is not Binding.NONE
        if one.binding is Binding.NONE:
            assert one.cost_m == cheapest


@pytest.mark.parametrize(
    ("tightness", "bands", "expected"),
    [
        (1.0, FairnessBands(), {Binding.CAPACITY}),
        (1.5, FairnessBands(0, None), {Binding.FAIR_SHARE}),
        (1.5, FairnessBands(None, 0), {Binding.HARD_SHARE}),
        (1.2, FairnessBands(100, 5_000), {Binding.FAIR_SHARE, Binding.OTHERS_FLOOR}),
        (9.0, FairnessBands(None, None), set()),
    ],
)
def test_A3_the_binding_limit_is_the_one_that_was_set(
    tightness: float, bands: FairnessBands, expected: set[Binding]
) -> None:
    split = split_city(a_city(enterprises=300, banks=6, tightness=tightness).costs(), bands)
    named = {one.binding for one in explanations(split)} - {Binding.NONE}
    assert expected <= named
    assert expected or not named


def test_U8_the_load_report_adds_up_and_the_quotas_sum_to_the_list() -> None:
    split = split_city(a_city(enterprises=400, banks=9, tightness=1.2).costs(), FairnessBands())
    report = load_report(split)
    assert sum(one.quota for one in report.institutions) == report.listed == 400
    assert sum(one.assigned for one in report.institutions) == report.assigned
    assert report.assigned + report.unassigned == 400
    assert sum(one.hard for one in report.institutions) == int(split.costs.hard.sum())
    assert report.gini_bp < 400
    assert min(one.price_m for one in report.institutions) == 0
    assert all(one.floor <= one.assigned <= one.ceiling for one in report.institutions)


def test_A3_an_enterprise_without_any_admissible_bank_has_a_reason_too() -> None:
    city = a_city(enterprises=3, banks=2)
    split = split_city(City(city.enterprises, (), ()).costs(), FairnessBands())
    assert [one.binding for one in explanations(split)] == [Binding.NO_PLACE] * 3
    assert load_report(split).unassigned == 3
    one = a_city(enterprises=3, banks=1, tightness=3)
    (first, *_) = explanations(split_city(one.costs(), FairnessBands()))
    assert (first.runner_up_id, first.margin_m) == (None, None)
    assert int(split.costs.cost.min(initial=FORBIDDEN)) == FORBIDDEN


def test_A4_the_gini_coefficient_is_the_textbook_one() -> None:
    assert gini_bp([5, 5, 5]) == gini_bp([]) == gini_bp([0, 0]) == 0
    assert gini_bp([0, 0, 0, 8]) == 7_500
    values = [3, 9, 1, 4, 4]
    pairs = np.abs(np.subtract.outer(values, values)).sum() / (2 * len(values) * sum(values))
    assert gini_bp(values) == int(pairs * 10_000)


def test_JS_19_a_forbidden_bank_is_never_the_runner_up_nor_hides_one() -> None:
    city = a_city(enterprises=60, banks=5, tightness=2.0, seed=3)
    barred = city.institutions[0].institution_id
    listed = tuple(replace(one, previous_ids=(barred,)) for one in city.enterprises)
    reasons = explanations(split_city(replace(city, enterprises=listed).costs(), FairnessBands()))
    for one in reasons:
        assert one.institution_id is not None
        assert one.runner_up_id not in {None, barred, one.institution_id}
        assert one.margin_m is not None
        assert one.margin_m >= 0

"""JS-06, JS-07: what a bank can take, by outlets, headcount and declared capacity."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.allocation.domain.capacity import CapacityRules, outlet_rooms, receivers
from services.allocation.domain.model import NodeKind, Outlet, Receiver, branch_id
from tests.allocation.domain.build import CITY, an_id

RULES = CapacityRules(per_officer=10, headroom_bp=1_000)


def an_outlet(number: int, bank: int, officers: int, declared: int | None = None) -> Outlet:
    return Outlet(an_id("outlet", number), an_id("bank", bank), CITY, 0, 0, officers, declared)


def of(outlets: list[Outlet], listed: int, rules: CapacityRules = RULES) -> dict[str, Receiver]:
    types = {an_id("bank", 1): "state", an_id("bank", 2): "foreign"}
    found = receivers(outlets, types, listed=listed, rules=rules)
    names = {an_id("bank", bank): f"bank {bank}" for bank in range(5)}
    return {names[one.institution_id]: one for one in found}


def test_JS_07_capacity_is_declared_or_by_headcount() -> None:
    banks = of([an_outlet(1, 1, 3, 7), an_outlet(2, 1, 2), an_outlet(3, 2, 1)], listed=0)
    assert (banks["bank 1"].capacity, banks["bank 1"].officers) == (27, 5)
    assert banks["bank 2"].capacity == 10
    assert (banks["bank 1"].institution_type, banks["bank 2"].institution_type) == (
        "state",
        "foreign",
    )
    assert (banks["bank 1"].outlets, banks["bank 1"].declared) == (2, 7)
    assert (banks["bank 1"].source, banks["bank 2"].source) == ("staff", "staff")


def test_A2_nobody_without_staff_takes_anything() -> None:
    banks = of([an_outlet(1, 1, 0, 50), an_outlet(2, 2, 1)], listed=30)
    assert banks.keys() == {"bank 2"}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 5_000))
def test_JS_11_undeclared_capacity_stretches_to_the_whole_list_with_headroom(
    officers: list[int], listed: int
) -> None:
    outlets = [an_outlet(number, number, count) for number, count in enumerate(officers)]
    total = sum(one.capacity for one in of(outlets, listed).values())
    assert total * 10 >= listed * 11
    assert total <= max(10 * sum(officers), listed * 1.1 + 1 + 2 * len(officers))


def test_A2_declared_capacity_is_a_promise_and_never_stretched() -> None:
    assert of([an_outlet(1, 1, 3, 7)], listed=500)["bank 1"].capacity == 7


def test_A2_an_officer_counts_by_the_ability_of_the_type_of_bank() -> None:
    rules = replace(RULES, ability_bp={"foreign": 5_000})
    outlets = [an_outlet(1, 1, 3), an_outlet(2, 2, 3)]
    banks = of(outlets, listed=0, rules=rules)
    assert (banks["bank 1"].capacity, banks["bank 2"].capacity) == (30, 15)
    assert (banks["bank 1"].ability_bp, banks["bank 2"].ability_bp) == (10_000, 5_000)
    stretched = of(outlets, listed=900, rules=rules)
    assert (stretched["bank 1"].capacity, stretched["bank 2"].capacity) == (660, 330)
    assert stretched["bank 2"].source == "share"


def test_JL_31_branches_and_outlets_take_what_their_own_people_can() -> None:
    there = replace(an_outlet(3, 1, 4), city_code="320100")
    outlets = [an_outlet(1, 1, 3, 7), an_outlet(2, 1, 2), there]
    branches = receivers(outlets, {}, listed=0, rules=RULES, to=NodeKind.BRANCH)
    assert {one.node_id: (one.city_code, one.capacity, one.officers) for one in branches} == {
        branch_id(an_id("bank", 1), CITY): (CITY, 27, 5),
        branch_id(an_id("bank", 1), "320100"): ("320100", 40, 4),
    }
    single = receivers(outlets, {}, listed=0, rules=RULES, to=NodeKind.OUTLET)
    assert {one.outlet_id: one.capacity for one in single} == {
        an_id("outlet", 1): 7, an_id("outlet", 2): 20, an_id("outlet", 3): 40,
    }  # fmt: skip


def test_A2_outlets_with_limits_of_their_own_hold_what_their_bank_takes_with_slack() -> None:
    outlets = [an_outlet(1, 1, 3, 7), an_outlet(2, 1, 1), an_outlet(3, 1, 3)]
    banks = receivers(outlets, {}, listed=0, rules=RULES)
    assert [one.capacity for one in banks] == [47]
    assert outlet_rooms(outlets, banks) == {
        an_id("outlet", 1): 7, an_id("outlet", 2): 13, an_id("outlet", 3): 39,
    }  # fmt: skip

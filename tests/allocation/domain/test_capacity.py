"""JS-06, JS-07: what a bank can take, by outlets, headcount and declared capacity."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.allocation.domain.capacity import CapacityRules, institutions_in_city
from services.allocation.domain.model import InstitutionInCity, Outlet
from tests.allocation.domain.build import CITY, an_id

RULES = CapacityRules(per_officer=10, headroom_bp=1_000)


def an_outlet(number: int, bank: int, officers: int, declared: int | None = None) -> Outlet:
    return Outlet(an_id("outlet", number), an_id("bank", bank), CITY, 0, 0, officers, declared)


def of(outlets: list[Outlet], listed: int) -> dict[str, InstitutionInCity]:
    found = institutions_in_city(
        outlets, {an_id("bank", 1): "state"}, city_code=CITY, listed=listed, rules=RULES
    )
    names = {an_id("bank", bank): f"bank {bank}" for bank in range(5)}
    return {names[one.institution_id]: one for one in found}


def test_JS_07_capacity_is_declared_or_by_headcount() -> None:
    banks = of([an_outlet(1, 1, 3, 7), an_outlet(2, 1, 2), an_outlet(3, 2, 1)], listed=0)
    assert (banks["bank 1"].capacity, banks["bank 1"].officers) == (27, 5)
    assert banks["bank 2"].capacity == 10
    assert (banks["bank 1"].institution_type, banks["bank 2"].institution_type) == (
        "state",
        "other",
    )


def test_A2_nobody_without_staff_takes_anything() -> None:
    elsewhere = replace(an_outlet(3, 3, 5), city_code="320100")
    banks = of([an_outlet(1, 1, 0, 50), an_outlet(2, 2, 1), elsewhere], listed=30)
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

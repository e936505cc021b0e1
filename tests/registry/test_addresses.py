"""The resolver on the written-out set: right nearly always, and never wrongly certain."""

import pytest

from benchmarks.addresses.measure import half_of, measure_half, rows


def test_JS_06_the_set_is_large_and_falls_into_two_halves() -> None:
    addresses = [row["address"] for row in rows()]
    assert len(addresses) == len(set(addresses)) >= 300
    halves = [half_of(address) for address in addresses]
    assert min(halves.count("tune"), halves.count("report")) >= 150


@pytest.mark.parametrize(("half", "least"), [("tune", 1.0), ("report", 0.98)])
def test_JS_06_addresses_are_resolved_and_no_county_is_made_up(half: str, least: float) -> None:
    found = measure_half(half)
    assert found["wrongly_certain"] == 0, found["failures"]
    assert found["accuracy"] >= least, found["failures"]

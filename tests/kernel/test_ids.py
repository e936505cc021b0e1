"""Identifiers of new things and of things with a natural key."""

import threading
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.ids import derived_id, new_id, new_ids

PARTS = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4)


def test_new_ids_are_version_seven_and_increase_within_a_millisecond() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {each.version for each in made} == {7}
    assert {each.int >> 62 & 0b11 for each in made} == {0b10}


def test_new_ids_by_the_block_fit_between_single_ones() -> None:
    made = [new_id(), *new_ids(5_000), new_id(), *new_ids(0), *new_ids(1)]
    assert made == sorted(made)
    assert len(set(made)) == len(made) == 5_003
    assert {each.version for each in made} == {7}
    assert {UUID(str(each)) for each in made} == set(made)


def test_new_ids_of_many_threads_never_meet() -> None:
    made: list[list[UUID]] = [[] for _ in range(4)]

    def make(into: list[UUID]) -> None:
        into.extend(new_id() for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(own == sorted(own) for own in made)
    assert len({each for own in made for each in own}) == 8_000


@given(PARTS, PARTS)
def test_natural_keys_meet_only_where_they_are_equal(one: list[str], other: list[str]) -> None:
    assert (derived_id("outlet", *one) == derived_id("outlet", *other)) == (one == other)


def test_a_natural_key_never_changes() -> None:
    # Stored identifiers hang on this: a change here is a migration of every service.
    assert derived_id("enterprise", "91110000600037341L") == UUID(
        "f48cf7f2-152a-599f-8dfc-ce518dab2d69"
    )


def test_a_natural_key_depends_on_its_namespace_and_takes_dates_and_numbers() -> None:
    assert derived_id("outlet", "A") != derived_id("staff", "A")
    assert derived_id("edition", date(2022, 4, 1), 1) == derived_id("edition", "2022-04-01", "1")


@pytest.mark.parametrize("parts", [(), ("",), ("A", "")])
def test_a_natural_key_has_no_empty_part(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no empty part"):
        derived_id("outlet", *parts)

"""After a whole campaign: nobody sees what is another's, and a right that ends is gone at once."""

from typing import get_args

import pytest

from shared.contracts.identity import Role
from tests.access.canaries import STORES
from tests.access.isolation import Isolation
from tests.access.sweeping import MISSED
from tests.access.tenants import BLIND, TOLD_APART, TRIES
from tests.journeys.kept import Kept

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1800)]
WITHIN_SECONDS = 1.0


@pytest.fixture
def proved(on_log: Kept) -> Isolation:
    """What was tried on the campaign that ran on `log`."""
    assert on_log.isolation
    return on_log.isolation


def test_S01_S02_a_foreign_object_is_as_one_that_does_not_exist(proved: Isolation) -> None:
    """Issue line: at least 10,000 tries with ids of others, no byte of theirs in any answer."""
    walked = proved.walked
    print(walked.told())
    assert set(walked.by_role) == set(get_args(Role))
    assert walked.tries >= TRIES >= 10_000
    assert walked.wrong == []
    assert walked.leaks == []
    assert walked.told_apart <= set(TOLD_APART)


def test_the_walk_comes_as_far_as_to_the_ids(proved: Isolation) -> None:
    """A body that is refused as a whole would hide whether a foreign id in it is taken."""
    assert proved.walked.blind() == BLIND


def test_S01_no_person_of_the_directory_is_unveiled_to_a_bank_or_an_enterprise(
    proved: Isolation,
) -> None:
    assert len(proved.planted.directory) == 2
    for place in ("parties/{party_id}", "enterprises/{enterprise_id}"):
        for role in ("relationship_manager", "branch_head", "enterprise"):
            answers = proved.walked.answers(f"POST /api/registry/v1/{place}/reveals", role)
            assert answers == {404}, (place, role)


def test_the_walk_would_notice_what_it_looks_for(proved: Isolation) -> None:
    control = proved.walked_control
    assert len(control.wrong) > control.tries / 10
    assert len(control.leaks) > control.tries / 10


def test_S06_nothing_of_anothers_comes_along_with_what_is_ones_own(proved: Isolation) -> None:
    """Every list to its end, every own object, every file: CSV, workbook, Parquet, holdings."""
    swept = proved.swept
    print(swept.told())
    assert set(swept.files) == {"csv", "xlsx", "parquet", "holdings json", "holdings xlsx"}
    assert swept.leaks == []
    assert swept.cut_off == []
    assert swept.missed() == MISSED
    assert len(swept.met) > len(proved.planted.canaries) / 3  # their owners do read them
    assert len(proved.swept_control.leaks) > 20


def test_S06_S21_no_canary_and_no_person_in_logs_metrics_or_events(proved: Isolation) -> None:
    searched, control = proved.searched, proved.searched_control
    print(f"{len(proved.planted.words)} canaries, {len(proved.planted.personal)} of persons;")
    print(searched.told())
    assert searched.hits == []
    assert set(searched.size) == {"logs", "metrics", "events"}
    assert all(searched.seen.values()), searched.seen
    assert set(searched.seen) == STORES
    assert len(proved.planted.people) > 200
    assert len(proved.planted.staff) > 200
    (planted,) = control.hits
    assert planted.startswith("logs nginx/access.log: CANARY")


def test_S14_S18_made_up_calls_meet_no_fault_of_the_server_and_no_undocumented_status(
    proved: Isolation,
) -> None:
    """A share of `python -m tests.access.fuzzing`, which sends them to all services."""
    fuzzed = proved.fuzzed
    print(fuzzed.told())
    assert fuzzed.cases > 1_000
    assert fuzzed.wrong == []
    assert all(fuzzed.taken(role) for role in ("province_regulator", "bureau", "bank_head"))


def test_S08_S10_a_right_that_ends_is_gone_within_a_second_on_log(on_log: Kept) -> None:
    print(on_log.cut.told())
    assert on_log.cut.slowest <= WITHIN_SECONDS


@pytest.mark.kafka
def test_S08_S10_a_right_that_ends_is_gone_within_a_second_on_kafka(on_kafka: Kept) -> None:
    print(on_kafka.cut.told())
    assert on_kafka.cut.slowest <= WITHIN_SECONDS

"""After a whole campaign: nobody sees what is another's, and a right that ends is gone at once."""

import pytest

from tests.access.tenants import TRIES
from tests.journeys.kept import Kept

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]
WITHIN_SECONDS = 1.0


def test_S01_S02_a_foreign_object_is_as_one_that_does_not_exist(on_log: Kept) -> None:
    """Issue line: at least 10,000 tries with ids of others, no byte of theirs in any answer."""
    assert on_log.walked
    walked, _ = on_log.walked
    print(walked.told())
    assert walked.tries >= TRIES >= 10_000
    assert walked.wrong == []
    assert walked.leaks == []


def test_the_walk_would_notice_what_it_looks_for(on_log: Kept) -> None:
    assert on_log.walked
    _, control = on_log.walked
    assert len(control.wrong) > control.tries / 10
    assert len(control.leaks) > control.tries / 10


def test_S08_S10_a_right_that_ends_is_gone_within_a_second_on_log(on_log: Kept) -> None:
    print(on_log.cut.told())
    assert on_log.cut.slowest <= WITHIN_SECONDS


@pytest.mark.kafka
def test_S08_S10_a_right_that_ends_is_gone_within_a_second_on_kafka(on_kafka: Kept) -> None:
    print(on_kafka.cut.told())
    assert on_kafka.cut.slowest <= WITHIN_SECONDS

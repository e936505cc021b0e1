"""Fixtures of the visits tests."""

import pytest

from tests.support.stack import Stack
from tests.visits.scenario import Campaign


@pytest.fixture
def campaign(stack: Stack) -> Campaign:
    """A campaign not yet begun."""
    return Campaign(stack)

"""Fixtures of the allocation tests."""

import pytest

from tests.allocation.world import World
from tests.support.stack import Stack


@pytest.fixture
def world(stack: Stack) -> World:
    """The made province, not yet populated."""
    return World(stack)

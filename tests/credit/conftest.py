import pytest

from tests.credit.world import TODAY, A, B, World, assigned, listed
from tests.support.stack import Stack


@pytest.fixture
async def world(stack: Stack) -> World:
    """Two banks, three enterprises of Kunshan, on the day of the tests."""
    await stack.set_clock(f"{TODAY}T09:00:00+08:00")
    await stack.publish(*A.events(), *B.events(), *(listed(n) for n in (1, 2, 3)), assigned(1, A))
    await stack.settle()
    return World(stack)

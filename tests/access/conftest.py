"""All services at once, without rows: access is a matter of all of them."""

import pytest

from tests.support.stack import Stack


@pytest.fixture
async def everything(whole_stack: Stack) -> Stack:
    """The whole stack, emptied."""
    await whole_stack.empty()
    return whole_stack

"""All services' databases, without rows, and the ways past the walls that only tests have."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from tests.support.stack import Stack

Superuser = Callable[[str], Coroutine[Any, Any, asyncpg.Connection]]


@pytest.fixture
async def everything(whole_stack: Stack) -> Stack:
    """The whole stack, emptied."""
    await whole_stack.empty()
    return whole_stack


@pytest.fixture
async def superuser(everything: Stack) -> AsyncIterator[Superuser]:
    """Connections past every wall."""
    async with AsyncExitStack() as exits:

        async def connect(service: str) -> asyncpg.Connection:
            connection = await everything.superuser(service)
            exits.push_async_callback(connection.close)
            return connection

        yield connect

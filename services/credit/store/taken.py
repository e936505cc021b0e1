"""A bank's number that another transaction took first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncpg import Connection, UniqueViolationError

from shared.platform.pool import savepoint


class TakenMeanwhile(Exception):
    """Between reading and writing, a twin of this batch wrote one of its rows: judge again."""


@asynccontextmanager
async def attempt(driver: Connection) -> AsyncIterator[None]:
    """A savepoint around one try; leaves nothing behind where a number was taken meanwhile."""
    try:
        async with savepoint(driver):
            yield
    except UniqueViolationError as error:
        raise TakenMeanwhile from error

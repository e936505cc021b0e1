"""Connections that are taken and given back for next to nothing, and what their errors mean.

SQLAlchemy opens them and runs what use cases give it; but its own pool takes a tenth of a write's
processor time to hand one out and take it back. So what was opened stays checked out here.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_SAVEPOINTS = itertools.count()


class Pool:
    """At most `most` connections to one database; the one given back last is taken first."""

    def __init__(self, url: str, most: int) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=most,
            max_overflow=0,
            pool_pre_ping=False,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,  # an error text must not carry a person's data into the log
            connect_args={"server_settings": {"timezone": "Asia/Shanghai"}},
        )
        self._room = asyncio.Semaphore(most)
        self._idle: list[tuple[AsyncConnection, asyncpg.Connection]] = []

    @asynccontextmanager
    async def take(self) -> AsyncIterator[tuple[AsyncConnection, asyncpg.Connection]]:
        """A connection and the driver's own beneath it, outside any transaction."""
        async with self._room:
            connection, driver = await self._living()
            try:
                yield connection, driver
            finally:
                await self._give_back(connection, driver)

    async def _living(self) -> tuple[AsyncConnection, asyncpg.Connection]:
        while self._idle:
            connection, driver = self._idle.pop()
            if not driver.is_closed():
                return connection, driver
            await _throw_away(connection)  # the server has closed it meanwhile
        connection = await self._engine.connect()
        raw = await connection.get_raw_connection()
        driver: asyncpg.Connection = raw.driver_connection  # pyright: ignore[reportAssignmentType]
        return connection, driver

    async def _give_back(self, connection: AsyncConnection, driver: asyncpg.Connection) -> None:
        if driver.is_closed() or driver.is_in_transaction():
            await _throw_away(connection)
            return
        if connection.in_transaction():  # SQLAlchemy's own notion of one; the server is in none
            await connection.rollback()
        self._idle.append((connection, driver))

    async def close(self) -> None:
        """Close all that are not in use."""
        while self._idle:
            await self._idle.pop()[0].close()
        await self._engine.dispose()


async def _throw_away(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()


@asynccontextmanager
async def savepoint(driver: asyncpg.Connection) -> AsyncIterator[None]:
    """A part of the running transaction that an exception takes back alone."""
    name = f"s{next(_SAVEPOINTS)}"
    await driver.execute(f"savepoint {name}")
    try:
        yield
    except BaseException:
        if not driver.is_closed():
            await driver.execute(f"rollback to savepoint {name}")
        raise
    await driver.execute(f"release savepoint {name}")


@contextmanager
def lost_is_oserror() -> Iterator[None]:
    """Raise ConnectionError for whatever says that the connection is gone."""
    try:
        yield
    except Exception as error:  # of many classes: the driver's own bookkeeping fails as well
        if is_transient(error):
            raise ConnectionError(str(error)) from error
        raise


def is_transient(error: BaseException) -> bool:
    """True where the same work may succeed if done again: connection lost, deadlock, no room.

    Errors reach us through SQLAlchemy or, from bulk statements, straight from the driver.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(cause, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    state = sql_state(error)
    return state[:2] in ("08", "40", "53", "57") or state == "55P03"


def sql_state(error: BaseException) -> str:
    """The five-character SQLSTATE of a database error, empty for any other."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")

"""Fixtures all tests share: one real PostgreSQL per run, and a stack of services on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.platform.embedded.postgres import Postgres
from shared.platform.settings import SERVICES
from tests.support.stack import Stack, running_stack


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real PostgreSQL, started once.

    It does not wait for the disk: what it holds is thrown away. Tests of durability (tests/faults,
    tests/embedded, tests/journeys) start servers of their own, set as in production.
    """
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    server = Postgres(tmp_path_factory.mktemp("pg"), settings=quick)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
async def whole_stack(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """All services on it, started once."""
    folder = tmp_path_factory.mktemp("stack")
    databases = postgres.create_service_databases(*SERVICES)
    async with running_stack(folder, databases, SERVICES, postgres.admin_url) as stack:
        yield stack


@pytest.fixture
async def stack(request: pytest.FixtureRequest, whole_stack: Stack) -> Stack:
    """The service of the test's folder (tests/<service>/…), without any rows.

    Only that service works: events of the others are published by the test.
    """
    names = [part for part in Path(str(request.path)).parts if part in SERVICES]
    own = whole_stack.only(*names[-1:])
    await own.empty()
    return own

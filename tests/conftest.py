"""Fixtures all tests share: one real PostgreSQL per run, and a stack of services on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.platform.embedded.postgres import Postgres
from shared.platform.settings import SERVICES
from tests.support.stack import Stack, running_stack


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real PostgreSQL, started once."""
    server = Postgres(tmp_path_factory.mktemp("pg"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
async def service_stack(
    request: pytest.FixtureRequest, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """The stack of the test folder's service (tests/<service>/…), started once per folder."""
    names = [part for part in Path(str(request.path)).parts if part in SERVICES]
    folder = tmp_path_factory.mktemp("stack")
    databases = postgres.create_service_databases(*SERVICES)
    async with running_stack(folder, databases, names[-1:]) as stack:
        yield stack


@pytest.fixture
async def stack(service_stack: Stack) -> Stack:
    """The service's stack, without any rows."""
    await service_stack.empty()
    return service_stack

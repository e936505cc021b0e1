"""A scratch folder and a server that the tests of this folder share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.platform.embedded.postgres import Postgres


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    postgres = Postgres(tmp_path_factory.mktemp("embedded") / "postgres")
    postgres.start()
    yield postgres
    postgres.stop()


@pytest.fixture
def repository() -> Path:
    return Path(__file__).resolve().parents[2]

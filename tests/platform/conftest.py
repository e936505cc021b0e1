"""The bus of the platform's tests, on both transports, and one real broker for all of them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.platform.embedded.kafka import Kafka
from shared.platform.embedded.postgres import Postgres
from tests.platform.bus import Bus, make_template, opened

CACHE = Path(__file__).resolve().parents[2] / ".yinqi" / "cache"
BOTH = ["log", pytest.param("kafka", marks=pytest.mark.kafka)]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    kafka = Kafka(tmp_path_factory.mktemp("broker"), CACHE)
    kafka.start()
    yield kafka
    kafka.kill()


@pytest.fixture(scope="session")
async def prepared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    # A server of its own, without fsync: two databases per test are hundreds of files each, and
    # a process that is killed does not lose what it gave to the kernel.
    server = Postgres(tmp_path_factory.mktemp("bus"), settings={"fsync": "off"})
    server.start()
    await make_template(server)
    yield server
    server.stop()


@pytest.fixture(params=BOTH)
async def bus(request: pytest.FixtureRequest, prepared: Postgres) -> AsyncIterator[Bus]:
    kafka = request.getfixturevalue("broker") if request.param == "kafka" else None
    async with opened(Bus(request.param, prepared, kafka)) as bus:
        yield bus


@pytest.fixture
async def log_bus(prepared: Postgres) -> AsyncIterator[Bus]:
    async with opened(Bus("log", prepared, None)) as bus:
        yield bus


@pytest.fixture
async def kafka_bus(prepared: Postgres, broker: Kafka) -> AsyncIterator[Bus]:
    async with opened(Bus("kafka", prepared, broker)) as bus:
        yield bus

"""What measurements run on: a real PostgreSQL in a folder of its own, service databases, processes.

Programs run as in production, one process each, by `python -m services serve|work SERVICE`.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import asyncpg

from services.identity.domain.model import Account
from services.identity.domain.tokens import Grant, Signer
from shared.contracts.identity import Role
from shared.platform.accounts import ACCOUNTS_UP
from shared.platform.clock import unix_now
from shared.platform.embedded.databases import ServiceDatabase
from shared.platform.embedded.kafka import Kafka
from shared.platform.embedded.ports import free_port
from shared.platform.embedded.postgres import Postgres
from shared.platform.embedded.supervisor import Program
from shared.platform.migrate import migrate
from shared.platform.relay import Publisher
from shared.platform.settings import SERVICES
from shared.platform.tables import PLATFORM_UP
from shared.platform.transports.kafka import KafkaPublisher

ROOT = Path(__file__).resolve().parent.parent
JARS = ROOT / ".yinqi" / "cache"


class Bed:
    """Databases for all services; those named are migrated, the others have the event tables only.

    Everything lies in one temporary folder and is gone afterwards.
    """

    def __init__(
        self,
        *services: str,
        transport: str = "log",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._services = services
        self._transport = transport
        self.folder = Path(tempfile.mkdtemp(prefix="yinqi-bench-"))
        self.postgres = Postgres(self.folder / "postgres", settings=dict(settings or {}))
        self.kafka = Kafka(self.folder / "kafka", JARS) if transport == "kafka" else None
        self.databases: dict[str, ServiceDatabase] = {}
        self.environment: dict[str, str] = {}
        self._signer = Signer.generate()
        self._programs: list[Program] = []
        self._accounts: list[Account] = []

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__(*sys.exc_info())
            raise
        return self

    async def _start(self) -> None:
        self.postgres.start()
        if self.kafka:
            self.kafka.start()
        found = self.postgres.create_service_databases(*SERVICES)
        self.databases = {database.name: database for database in found}
        self.environment = self._make_environment()
        for name, database in self.databases.items():
            if name in self._services:
                await migrate(name, database.url)
            else:
                await _execute(database.url, PLATFORM_UP + ACCOUNTS_UP)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for program in reversed(self._programs):
            program.stop()
        if self.kafka:
            self.kafka.stop()
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_environment(self) -> dict[str, str]:
        jwks = self.folder / "jwks.json"
        jwks.write_text(json.dumps(self._signer.public))
        environment = {
            "PYTHONPATH": str(ROOT),
            "YINQI_TRANSPORT": self._transport,
            "YINQI_JWKS_FILE": str(jwks),
            "YINQI_LOG_LEVEL": "WARNING",
            "VISITS_PHOTO_DIR": str(self.folder / "photos"),
            "REGISTRY_UPLOAD_DIR": str(self.folder / "uploads"),
        }
        if self.kafka:
            environment["YINQI_KAFKA_BOOTSTRAP"] = self.kafka.bootstrap
        for name, database in self.databases.items():
            environment[f"{name.upper()}_DATABASE_URL"] = database.url
            environment[f"YINQI_LOG_URL_{name.upper()}"] = database.log_url
        return environment

    def url(self, service: str) -> str:
        """A service's database."""
        return self.databases[service].url

    def log_url(self, service: str) -> str:
        """The read-only address of a service's event log."""
        return self.databases[service].log_url

    async def connect(self, service: str) -> asyncpg.Connection:
        """A connection to a service's database."""
        return await asyncpg.connect(self.url(service))

    def token(self, role: Role, **place: Any) -> str:
        """A signed token for an account with this role and place, valid for some hours."""
        nowhere = dict.fromkeys(("institution_id", "outlet_id", "staff_id", "region_code"))
        account = Account(
            account_id=uuid4(), username="bench", role=role, active=True, **(nowhere | place)
        )
        self._accounts.append(account)
        grant = Grant(account_id=account.account_id, audience=SERVICES)
        return self._signer.sign(grant, issued_at=unix_now(), lifetime_seconds=6 * 3600)

    async def know(self, service: str) -> None:
        """Give a service all accounts that tokens were made for, as identity's events would."""
        connection = await self.connect(service)
        try:
            await connection.executemany(
                "insert into account (account_id, role, institution_id, outlet_id, staff_id,"
                " region_code) values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
                [
                    (a.account_id, a.role, a.institution_id, a.outlet_id, a.staff_id, a.region_code)
                    for a in self._accounts
                ],
            )
        finally:
            await connection.close()

    def serve(self, service: str) -> int:
        """Start a service's API; its port."""
        port = free_port()
        self.start_answering(
            f"serve-{service}",
            ["-m", "services", "serve", service],
            f"http://127.0.0.1:{port}/api/{service}/v1/health",
            more={f"{service.upper()}_PORT": str(port)},
        )
        return port

    def work(self, service: str) -> Program:
        """Start a service's worker."""
        return self.start(f"work-{service}", ["-m", "services", "work", service])

    def start_answering(
        self, name: str, arguments: Sequence[str], address: str, more: Mapping[str, str]
    ) -> Program:
        """Start a Python program; return when `address` gives 200."""
        return self.start(name, arguments, more=more, ready=lambda: _answers(address))

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        more: Mapping[str, str] | None = None,
        ready: Callable[[], bool] | None = None,
    ) -> Program:
        """Start a Python program of ours; it ends with the bed."""
        program = Program(
            name,
            [sys.executable, *arguments],
            log=self.folder / "log" / f"{name}.log",
            env={**self.environment, **(more or {})},
            cwd=ROOT,
            ready=ready,
        )
        program.start()
        self._programs.append(program)
        return program

    async def publish(self) -> None:
        """Send every service's event log to the broker; on the `log` transport it is there."""
        if self.kafka is None:
            return
        for service, database in self.databases.items():
            kafka = KafkaPublisher(bootstrap=self.kafka.bootstrap, topic=f"{service}.events")
            publisher = Publisher(service=service, publish=kafka.publish)
            sending = asyncio.create_task(publisher.run(database.url))
            waiting = "select count(*) from log_head where published_off < next_off"
            await self.until(service, waiting, 0)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await kafka.close()

    async def until(self, service: str, question: str, count: int, *, seconds: float = 120) -> None:
        """Wait until a query of a service's database gives `count`."""
        connection = await self.connect(service)
        try:
            async with asyncio.timeout(seconds):
                while await connection.fetchval(question) != count:
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()


def _answers(address: str) -> bool:
    """Whether an address gives 200."""
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


async def _execute(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()

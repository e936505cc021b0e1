"""A real stack for tests: real PostgreSQL, the services' own migrations, apps and consumers.

`settle` moves every outbox and applies every consumer until nothing is left to do: the same relay
statement and the same consumer code as in a running system, without waiting for their loops.
"""

import asyncio
import copy
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2

from services.identity.keys import ensure_key
from shared.contracts.event import PARTITIONS, Event
from shared.contracts.identity import Role
from shared.platform.connections import connect_system
from shared.platform.consumer import apply_records
from shared.platform.database import Database
from shared.platform.embedded.databases import ServiceDatabase
from shared.platform.jobs import JobRunner
from shared.platform.migrate import migrate
from shared.platform.relay import move, read_log
from shared.platform.service import ACCOUNTS_OWNER, Service, create_app
from shared.platform.settings import SERVICES, PlatformSettings
from shared.platform.transports import Record
from shared.platform.vault import fresh_key
from tests.support.tokens import TestAccount, TokenMint


def service_named(name: str) -> Service:
    """The service object of a service package."""
    service: Service = import_module(f"services.{name}.service").SERVICE
    return service


class Stack:
    """Some services on one PostgreSQL, driven by the test."""

    def __init__(
        self,
        *,
        databases: dict[str, ServiceDatabase],
        mint: TokenMint,
        services: Sequence[str],
        admin_url: str,
    ) -> None:
        self.admin_url = admin_url
        self.databases = databases
        self.mint = mint
        self.services = {name: service_named(name) for name in services}
        self._open: dict[str, Database] = {}
        self._clients: dict[str, httpx2.AsyncClient] = {}
        self._exits = AsyncExitStack()
        self._wires: dict[str, asyncpg.Connection] = {}
        self._keeping = asyncio.Lock()

    async def start(self, folder: Path) -> None:
        """Migrate every database and start the apps."""
        os.environ["YINQI_JWKS_FILE"] = str(self.mint.beside(ensure_key(folder / "keys")))
        os.environ["YINQI_SIMULATION"] = "true"
        os.environ["VISITS_PHOTO_DIR"] = str(folder / "photos")
        os.environ["REGISTRY_UPLOAD_DIR"] = str(folder / "uploads")
        os.environ["IDENTITY_SECURE_COOKIE"] = "false"  # the test client speaks plain HTTP
        os.environ["CREDIT_WEBHOOK_KEY"] = "a key of the tests"
        os.environ["CREDIT_WEBHOOK_LOOPBACK"] = "true"
        os.environ["IDENTITY_KEY_DIR"] = str(folder / "keys")
        os.environ["REGISTRY_MASTER_KEYS"] = f"test-1 {fresh_key()}"
        os.environ["REGISTRY_PHONE_INDEX_KEY"] = fresh_key()
        os.environ["VISITS_MASTER_KEYS"] = f"test-1 {fresh_key()}"
        for name, database in self.databases.items():
            os.environ[f"{name.upper()}_DATABASE_URL"] = database.url
            os.environ[f"YINQI_LOG_URL_{name.upper()}"] = database.log_url
            await migrate(name, database.owner_url)
            self._open[name] = Database(database.url, pool_size=4)
        for name, service in self.services.items():
            app = create_app(service, PlatformSettings())
            await self._exits.enter_async_context(app.router.lifespan_context(app))
            self._clients[name] = await self._exits.enter_async_context(
                httpx2.AsyncClient(
                    transport=httpx2.ASGITransport(app=app),
                    base_url=f"http://test/api/{name}/v1",
                )
            )

    def only(self, *services: str) -> "Stack":
        """The same stack, where only these services do jobs and consume."""
        part = copy.copy(self)
        part.services = {name: self.services[name] for name in services}
        return part

    async def stop(self) -> None:
        """Close everything."""
        await self._exits.aclose()
        for wire in self._wires.values():
            await wire.close()
        for database in self._open.values():
            await database.close()

    def database(self, service: str) -> Database:
        """A service's database."""
        return self._open[service]

    async def publish(self, *events: Event) -> None:
        """Emit events from the service that owns them, as if it had decided so."""
        from shared.contracts.event import contract_of

        for event in events:
            async with self._open[contract_of(event).source].transaction() as tx:
                tx.emit(event)

    async def settle(self) -> None:
        """Do jobs, move outboxes and apply consumers until nothing changes any more."""
        busy = True
        while busy:
            busy = await self._do_jobs()
            busy |= await self._move_outboxes()
            for service in self.services.values():
                for consumer in service.all_consumers():
                    busy |= await self._consume(service.name, consumer)

    async def _do_jobs(self) -> bool:
        done = False
        for name, service in self.services.items():
            runner = JobRunner(
                handlers=service.jobs,
                endings=service.endings,
                database=self._open[name],
                settings=service.settings(),  # pyright: ignore[reportCallIssue]
                worker="test",
            )
            while work := await runner._take():  # pyright: ignore[reportPrivateUsage]
                await runner._do(*work)  # pyright: ignore[reportPrivateUsage]
                done = True
        return done

    async def _move_outboxes(self) -> bool:
        moved = 0
        for name in self.databases:
            connection = await self.owner(name)
            while count := await move(connection):
                moved += count
        return moved > 0

    async def owner(self, service: str) -> asyncpg.Connection:
        """A kept connection of the owner of a service's database: signing in costs ten times more."""
        wire = self._wires.get(service)
        if wire is None or wire.is_closed():
            wire = self._wires[service] = await connect_system(self.databases[service].owner_url)
        return wire

    async def _consume(self, service: str, consumer: Any) -> bool:
        done = False
        for topic in consumer.topics:
            log = await self.owner(topic.removesuffix(".events"))
            while records := await self._next(service, consumer.name, topic, log):
                await apply_records(consumer, self._open[service], records)
                done = True
        return done

    async def _next(
        self, service: str, consumer: str, topic: str, connection: asyncpg.Connection
    ) -> list[Record]:
        own = await self.owner(service)
        rows = await own.fetch(
            "select part, next_off from consumer_offset where consumer = $1 and topic = $2",
            consumer,
            topic,
        )
        positions = dict.fromkeys(range(PARTITIONS), 0) | {r["part"]: r["next_off"] for r in rows}
        found = await read_log(connection, positions, 500)
        return [Record(topic, r.part, r.off, r.off, r.at_us, r.key, r.payload) for r in found]

    def caller(self, service: str, role: Role, **place: Any) -> "Caller":
        """A signed-in caller of one service, whose account that service knows of."""
        return self.caller_for(service, self.mint.account(role, **place))

    def caller_for(self, service: str, account: TestAccount) -> "Caller":
        """A caller of one service with an account made before."""

        async def keep() -> None:
            async with self._keeping:  # callers may come at once; the wire carries one at a time
                wire = await self.owner(service)
                await account.keep(wire, owner=service == ACCOUNTS_OWNER)

        return Caller(self._clients[service], account.token, keep, account.account_id)

    async def rows(self, service: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """Look straight into a service's database."""
        async with self._open[service].read() as tx:
            return await (await tx.driver()).fetch(sql, *args)

    async def superuser(self, service: str) -> asyncpg.Connection:
        """A connection past every wall, for tests of what stands behind them; close it."""
        return await asyncpg.connect(self.admin_url.rpartition("/")[0] + f"/{service}")

    async def empty(self) -> None:
        """Throw all rows away: every test begins with nothing."""
        await asyncio.gather(*[_empty(await self.owner(name)) for name in self.databases])

    async def set_clock(self, instant: str) -> None:
        """Put the simulated clock of every service to an instant (ISO, with offset)."""
        for name in self.databases:
            await (await self.owner(name)).execute(
                "update platform_clock set shift = $1::text::timestamptz - clock_timestamp()",
                instant,
            )


class Caller:
    """An HTTP client that is signed in and gives every unsafe call a fresh idempotency key."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        token: str,
        arrive: Callable[[], Awaitable[None]] | None = None,
        account_id: UUID | None = None,
    ) -> None:
        self.account_id = account_id
        self._client = client
        self._token = token
        self._arrive = arrive

    async def __call__(
        self, method: str, path: str, *, key: UUID | str | None = None, **request: Any
    ) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self._token}"} | dict(request.pop("headers", {}))
        if method != "GET":
            headers["idempotency-key"] = str(key or uuid4())
        if self._arrive:
            await self._arrive()  # each test begins with no accounts at all
        return await self._client.request(method, path, headers=headers, **request)

    async def get(self, path: str, **request: Any) -> httpx2.Response:
        """GET a path below the service's prefix."""
        return await self("GET", path, **request)

    async def post(self, path: str, **request: Any) -> httpx2.Response:
        """POST to a path below the service's prefix."""
        return await self("POST", path, **request)

    async def put(self, path: str, **request: Any) -> httpx2.Response:
        """PUT to a path below the service's prefix."""
        return await self("PUT", path, **request)


_VERBS = ("disable", "enable")


async def _empty(connection: asyncpg.Connection) -> None:
    tables = await connection.fetch(
        "select tablename from pg_tables where schemaname = 'public'"
        " and tablename not in ('alembic_version', 'platform_clock', 'log_head')"
    )
    names = ", ".join(f'"{row["tablename"]}"' for row in tables)
    trail = ("audit", "audit_link", "audit_head")
    switches = ["; ".join(f"alter table {t} {verb} trigger user" for t in trail) for verb in _VERBS]
    truncate = f"truncate {names} restart identity cascade"
    await connection.execute(f"{switches[0]}; {truncate}; {switches[1]}")
    await connection.execute(
        "update log_head set next_off = 0, published_off = 0, at = '-infinity'"
    )
    await connection.execute("update platform_clock set shift = interval '0'")


@asynccontextmanager
async def running_stack(
    folder: Path, databases: Sequence[ServiceDatabase], services: Sequence[str], admin_url: str
) -> AsyncIterator[Stack]:
    """A started stack of the named services."""
    stack = Stack(
        databases={database.name: database for database in databases},
        mint=TokenMint(folder),
        services=services,
        admin_url=admin_url,
    )
    await stack.start(folder)
    try:
        yield stack
    finally:
        await stack.stop()


ALL = SERVICES

"""A bus small enough to break: one writing database, one reading database, a topic between them.

The relay and the workers are the product's own loops, run as tasks of the test, so that a test can
stop one at the worst moment. What a worker does is count: one row in `seen` per event it handled,
without any guard, so that an event handled twice is visible.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text

from shared.contracts.credit import RepaymentBooked
from shared.contracts.event import Received
from shared.kernel.ids import derived_id, new_id
from shared.platform.consumer import Consumer, ConsumerLoop
from shared.platform.database import Database, Transaction
from shared.platform.embedded.kafka import Kafka
from shared.platform.embedded.postgres import Postgres
from shared.platform.migrate import PLATFORM_NOW
from shared.platform.parked import list_parked
from shared.platform.relay import Publisher, Relay, move, read_log
from shared.platform.transports import Record, Source
from shared.platform.transports.kafka import KafkaPublisher, KafkaSource
from shared.platform.transports.log import LogSource

TEMPLATE = "bus_template"
SEEN = """
create table seen (n bigint generated always as identity primary key, worker text, event_id uuid,
    key text, seq bigint, part int, off bigint, amount bigint, known_at timestamptz);
create table aggregate (key text primary key, total bigint not null default 0);
"""
_names: Iterator[int] = itertools.count()


def key(n: int) -> str:
    """The n-th enterprise."""
    return str(derived_id("enterprise", str(n)))


def repayment(n: int, amount: int = 1) -> RepaymentBooked:
    """An event of the n-th enterprise."""
    some = derived_id("institution", "1")
    return RepaymentBooked(
        repayment_id=new_id(),
        loan_id=some,
        enterprise_id=UUID(key(n)),
        institution_id=some,
        outlet_id=some,
        principal_fen=amount,
        repaid_on=date(2022, 9, 1),
    )


async def make_template(postgres: Postgres) -> None:
    """A database with the platform's tables, to be copied for every test."""
    await admin(postgres, f"drop database if exists {TEMPLATE} with (force)")
    await admin(postgres, f"create database {TEMPLATE} template template0")
    connection = await asyncpg.connect(postgres.server.url("postgres", TEMPLATE))
    await connection.execute(PLATFORM_NOW + SEEN)
    await connection.close()


async def admin(postgres: Postgres, sql: str) -> None:
    """Do something as the superuser."""
    connection = await asyncpg.connect(postgres.admin_url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


class Bus:
    """Two databases, a topic, and the tasks between them."""

    def __init__(self, transport: str, postgres: Postgres, broker: Kafka | None) -> None:
        self.transport = transport
        self.postgres = postgres
        self.broker = broker
        self.name = f"bus{next(_names)}_{int(time.time() * 1000) % 10_000_000}"
        self.topic = f"{self.name}.events"
        self.group = f"{self.name}.sums" if broker else "sums"
        self.fails: dict[str, Exception] = {}
        self.hook: Callable[[Received, Transaction], Awaitable[None]] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Make the databases."""
        for name in (f"{self.name}_w", f"{self.name}_r"):
            await admin(self.postgres, f"create database {name} template {TEMPLATE}")
        self.writer = Database(self.url("w"), pool_size=20)
        self.reader = Database(self.url("r"), pool_size=8)

    async def close(self) -> None:
        """Stop everything; the databases go with the server, dropping one takes a second."""
        await self.stop(*self._tasks)
        await self.writer.close()
        await self.reader.close()

    def url(self, side: str) -> str:
        """The address of the writing (`w`) or the reading (`r`) database."""
        return self.postgres.server.url("postgres", f"{self.name}_{side}")

    # --- writing -------------------------------------------------------------------------------

    async def write(self, *numbers: int, amount: int = 1) -> None:
        """One transaction with an event for each of the given enterprises."""
        async with self.writer.transaction() as tx:
            for n in numbers:
                await tx.connection.execute(
                    text(
                        "insert into aggregate values (:key, :amount) on conflict (key)"
                        " do update set total = aggregate.total + excluded.total"
                    ),
                    {"key": key(n), "amount": amount},
                )
                tx.emit(repayment(n, amount))

    async def write_many(self, writers: int, each: int, keys: int) -> int:
        """Several writers at once; how many events they wrote."""

        async def one(seed: int) -> None:
            for i in range(each):
                await self.write((seed * 7 + i * 3) % keys)

        await asyncio.gather(*(one(seed) for seed in range(writers)))
        return writers * each

    async def spoil(self, old: str, new: str) -> None:
        """Change the bytes of what waits in the outbox."""
        await self.sql(
            "w",
            "update outbox set payload ="
            " convert_to(replace(convert_from(payload, 'UTF8'), $1, $2), 'UTF8')",
            old,
            new,
        )

    async def parked(self, consumer: str = "") -> list[dict[str, Any]]:
        """The parked events, and that their count is right."""
        async with self.reader.read() as tx:
            rows, total = await list_parked(tx, consumer)
        assert total == len(rows)
        return rows

    # --- moving --------------------------------------------------------------------------------

    def start_relay(self) -> asyncio.Task[None]:
        """A relay, with a publisher on kafka."""
        publisher = None
        if self.broker:
            kafka = KafkaPublisher(bootstrap=self.broker.bootstrap, topic=self.topic)
            publisher = Publisher(
                service=self.name, publish=kafka.publish, ends=kafka.ends, close=kafka.close
            )
        relay = Relay(service=self.name, url=self.url("w"), publisher=publisher)
        return self._start(relay.run())

    async def move_all(self) -> None:
        """Move the outbox to the log, without a relay."""
        connection = await asyncpg.connect(self.url("w"))
        while await move(connection):
            pass
        await connection.close()

    async def records(self) -> list[Record]:
        """The whole log, as a source would give it."""
        connection = await asyncpg.connect(self.url("w"))
        rows = await read_log(connection, dict.fromkeys(range(6), 0), 1_000_000)
        await connection.close()
        return [Record(self.topic, r.part, r.off, r.off, r.at_us, r.key, r.payload) for r in rows]

    # --- reading -------------------------------------------------------------------------------

    def consumer(self, worker: str = "w0") -> Consumer:
        """What the workers do: count, and fail where the test asks for it."""

        async def count(received: Received, tx: Transaction) -> None:
            event = received.event
            assert isinstance(event, RepaymentBooked)
            driver = await tx.driver()
            await driver.execute(
                "insert into seen (worker, event_id, key, seq, part, off, amount, known_at)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8)",
                worker,
                received.id,
                received.key,
                received.seq,
                received.part,
                received.off,
                event.principal_fen,
                received.known_at,
            )
            if self.hook:
                await self.hook(received, tx)
            if error := self.fails.get(received.key):
                raise error

        return Consumer("sums", (self.topic,), {RepaymentBooked: count})

    def source(self, worker: str = "w0") -> Source:
        """What a worker reads from."""
        if self.broker:
            return KafkaSource(
                consumer=self.group,
                worker=worker,
                bootstrap=self.broker.bootstrap,
                topics=(self.topic,),
            )
        return LogSource(
            consumer="sums",
            own_url=self.url("r"),
            topics=(self.topic,),
            log_url=lambda _service: self.url("w"),
        )

    def start_worker(self, worker: str = "w0") -> asyncio.Task[None]:
        """A worker."""
        loop = ConsumerLoop(self.consumer(worker), self.reader, lambda: self.source(worker))
        return self._start(loop.run())

    def _start(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def stop(self, *tasks: asyncio.Task[None]) -> None:
        """End tasks where they stand."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- looking -------------------------------------------------------------------------------

    async def sql(self, side: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """Do something in one of the databases."""
        connection = await asyncpg.connect(self.url(side))
        try:
            return await connection.fetch(sql, *args)
        finally:
            await connection.close()

    async def value(self, side: str, sql: str, *args: object) -> Any:
        """One value of one of the databases."""
        return (await self.sql(side, sql, *args))[0][0]

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
        """Wait until something holds; a task that failed meanwhile fails the test."""
        async with asyncio.timeout(seconds):
            while not await condition():
                for task in self._tasks:
                    if task.done() and not task.cancelled():
                        task.result()
                await asyncio.sleep(0.02)

    async def drained(self, seconds: float = 20) -> None:
        """Wait until every event written has been given to the consumer."""

        async def equal() -> bool:
            waiting = await self.value("w", "select count(*) from outbox")
            written = await self.value("w", "select sum(next_off) from log_head")
            had = await self.value(
                "r", "select coalesce(sum(next_off), 0) from consumer_offset where consumer='sums'"
            )
            return waiting == 0 and written == had

        await self.until(equal, seconds)

    async def check_exact(self, events: int) -> None:
        """Every event written had its effect once, each key's in order, nothing parked."""
        await self.check_exact_effects(events)
        assert await self.value("r", "select count(*) from parked") == 0
        assert await self.value("r", "select sum(next_off) from consumer_offset") == events

    async def check_exact_effects(self, events: int) -> None:
        """The same for the effects alone, where positions were taken away."""
        seen = await self.sql("r", "select key, seq, amount from seen order by n")
        assert len(seen) == events
        last: dict[str, int] = {}
        total: dict[str, int] = {}
        for row in seen:
            assert row["seq"] == last.get(row["key"], 0) + 1, "out of order, or twice"
            last[row["key"]] = row["seq"]
            total[row["key"]] = total.get(row["key"], 0) + row["amount"]
        truth = await self.sql("w", "select key, total from aggregate")
        assert total == {row["key"]: row["total"] for row in truth}
        inbox = await self.sql("r", "select key, seq from inbox where not parked")
        assert last == {row["key"]: row["seq"] for row in inbox}


@asynccontextmanager
async def opened(bus: Bus) -> Any:
    """The bus, closed at the end whatever happens."""
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()

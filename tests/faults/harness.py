"""A small real system under load, a killer, and the count at the end."""

import asyncio
import contextlib
import os
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self
from uuid import UUID, uuid4

import asyncpg
import httpx2

from shared.platform.connections import connect_system
from shared.platform.embedded.kafka import Kafka
from shared.platform.embedded.ports import free_port
from shared.platform.embedded.postgres import Postgres
from shared.platform.embedded.supervisor import Program
from shared.platform.migrate import make_platform_tables
from shared.platform.walls import COMMANDS, Wall
from tests.faults.killable import Killable
from tests.faults.program import CREDIT_TABLES, REPORTING_TABLES
from tests.support.tokens import TokenMint

ROOT = Path(__file__).resolve().parents[2]
KEYS = 40


@dataclass(slots=True)
class Result:
    """What the run came to."""

    kills: int
    acknowledged: int
    lost: int
    counted_twice: int
    parked: int
    wrong_sums: int
    wrote_twice: int
    committed: int
    seconds: float
    recovery: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def line(self) -> str:
        """The line the test prints."""
        return (
            f"kills={self.kills} acknowledged={self.acknowledged} lost={self.lost}"
            f" counted_twice={self.counted_twice} parked={self.parked}"
        )

    def figures(self) -> str:
        """Per kind of kill: until everything committed before it was counted, median and worst."""
        return "\n".join(
            f"  {kind}: {len(times)} kills, all committed before it counted after"
            f" p50 {statistics.median(times):.2f} s, max {max(times):.2f} s"
            for kind, times in sorted(self.recovery.items())
        )


class System(Killable):
    """PostgreSQL, the broker, one API, one relay and two consumers, each a process."""

    owner, consumer = "credit", "reporting.sums"

    def __init__(self, home: Path, transport: str, cache: Path) -> None:
        super().__init__()
        self.home = home
        self.transport = transport
        self.postgres = Postgres(home / "pg")
        self.kafka = Kafka(home / "kafka", cache) if transport == "kafka" else None
        self.mint = TokenMint(home)
        self.port = free_port()
        self.urls: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        starts = [asyncio.to_thread(self.postgres.start)]
        if self.kafka:
            starts.append(asyncio.to_thread(self.kafka.start))
        await asyncio.gather(*starts)
        databases = await asyncio.to_thread(
            self.postgres.create_service_databases, "credit", "reporting", "identity"
        )
        more = {
            "credit": (CREDIT_TABLES, ("booked", "booked_account")),
            "reporting": (REPORTING_TABLES, ("had", "sums")),
            "identity": ("", ()),
        }
        environment = {
            "PYTHONPATH": str(ROOT),
            "YINQI_TRANSPORT": self.transport,
            "YINQI_JWKS_FILE": str(self.mint.jwks_file),
            "YINQI_LOG_LEVEL": "WARNING",
            "CREDIT_PORT": str(self.port),
        }
        if self.kafka:
            environment["YINQI_KAFKA_BOOTSTRAP"] = self.kafka.bootstrap
        for database in databases:
            self.urls[database.name] = database.url
            environment[f"{database.name.upper()}_DATABASE_URL"] = database.url
            environment[f"YINQI_LOG_URL_{database.name.upper()}"] = database.log_url
            tables, names = more[database.name]
            walls = {table: Wall(everyone=COMMANDS) for table in names}
            await make_platform_tables(database.owner_url, tables, walls)
        self._add("api", "serve", "credit", environment)
        self._add("relay", "work", "credit", environment)
        for worker in ("w0", "w1"):
            self._add(
                f"consumer-{worker}",
                "work",
                "reporting",
                environment | {"YINQI_WORKER_NAME": worker},
            )
        await asyncio.gather(*(asyncio.to_thread(p.start) for p in self.programs.values()))
        await self.keep()
        return self

    def _add(self, label: str, role: str, service: str, environment: dict[str, str]) -> None:
        self.programs[label] = Program(
            label,
            [sys.executable, "-m", "tests.faults.program", role, service],
            log=self.home / "log" / f"{label}.log",
            env=environment,
            cwd=ROOT,
        )

    async def token(self) -> str:
        """A token of a bank's core that the service knows of."""
        account = self.mint.account("bank_core", institution_id=uuid4())
        connection = await connect_system(self.urls["credit"])
        await account.keep(connection)
        await connection.close()
        return account.token

    async def __aexit__(self, *_: object) -> None:
        await self.end()
        if self.kafka:
            await asyncio.to_thread(self.kafka.kill)
        await asyncio.to_thread(self.postgres.stop)


class Load:
    """Writers that repeat, under the same key, until they have an answer."""

    def __init__(self, system: System, *, writers: int, per_second: float) -> None:
        self._system = system
        self._pause = writers / per_second
        self._writers = writers
        self.acknowledged: dict[UUID, int] = {}
        self.repeats = 0
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Write until told to stop; what was begun is repeated until it is acknowledged."""
        token = await self._system.token()
        address = f"http://127.0.0.1:{self._system.port}/api/credit/v1"
        headers = {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=10) as client:
            await asyncio.gather(*(self._write(client, n) for n in range(self._writers)))

    async def _write(self, client: httpx2.AsyncClient, writer: int) -> None:
        choice = random.Random(writer)
        while not self._stop.is_set():
            began = time.monotonic()
            booking, amount = uuid4(), choice.randrange(1, 1000)
            body = {"id": str(booking), "number": choice.randrange(KEYS), "amount_fen": amount}
            await self._until_answered(client, body)
            self.acknowledged[booking] = amount
            await asyncio.sleep(max(0.0, self._pause - (time.monotonic() - began)))

    async def _until_answered(self, client: httpx2.AsyncClient, body: dict[str, Any]) -> None:
        while True:
            with contextlib.suppress(httpx2.TransportError):
                answer = await client.post(
                    "/bookings", json=body, headers={"idempotency-key": body["id"]}
                )
                if answer.status_code == 201:
                    return
                assert answer.status_code >= 500, answer.text
            self.repeats += 1
            await asyncio.sleep(0.1)

    def stop(self) -> None:
        """Let every writer finish its last write."""
        self._stop.set()


class Watch:
    """Measures, after each kill, how long until all that was committed before it is counted."""

    def __init__(self, system: Killable) -> None:
        self._system = system
        self._open: list[tuple[str, float, int]] = []
        self.took: dict[str, list[float]] = defaultdict(list)

    async def committed(self) -> int:
        """Events committed by the writers so far."""
        return await self._ask(
            self._system.owner, "select coalesce(sum(seq), 0)::bigint from stream"
        )

    async def counted(self) -> int:
        """Events whose effect is committed."""
        return await self._ask(
            "reporting",
            "select coalesce(sum(next_off), 0)::bigint from consumer_offset"
            f" where consumer = '{self._system.consumer}'"
            f" and topic = '{self._system.owner}.events'",
        )

    async def _ask(self, database: str, sql: str) -> int:
        connection = await asyncpg.connect(
            self._system.postgres.server.url("postgres", database), timeout=20
        )
        try:
            return int(await connection.fetchval(sql))
        finally:
            await connection.close()

    async def note(self, kind: str) -> None:
        """A kill happened now."""
        at = time.monotonic()
        self._open.append((kind, at, await self.committed()))

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            counted = await self.counted()
            now = time.monotonic()
            for entry in [e for e in self._open if e[2] <= counted]:
                self.took[entry[0]].append(now - entry[1])
                self._open.remove(entry)
            await asyncio.sleep(0.05)

    async def drained(self, seconds: float) -> None:
        """Wait until all that was committed is counted."""
        async with asyncio.timeout(seconds):
            while await self.counted() < await self.committed():
                await asyncio.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the killer behaves: all of it follows from the seed, but for what load it waits for.

    Between two kills lie `every_s` seconds and at least `writes_a_kill` acknowledged writes: on a
    slow machine too, each kill falls into a load.
    """

    seed: int
    kills: int
    every_s: tuple[float, float] = (0.9, 2.2)
    writes_a_kill: int = 20
    long_outage_s: float = 0.0
    per_second: float = 200


class Acknowledged(Protocol):
    """What writers were told."""

    @property
    def acknowledged(self) -> Collection[Any]:
        """The writes that were answered."""
        ...


class Loading(Acknowledged, Protocol):
    """What writes while others are killed."""

    async def run(self) -> None:
        """Write until told to stop."""
        ...

    def stop(self) -> None:
        """Let every writer finish its last write."""
        ...


class Killer:
    """Kills at random, until it has killed often enough."""

    def __init__(self, system: Killable, plan: Plan, watch: Watch, load: Loading) -> None:
        self._system = system
        self._plan = plan
        self._watch = watch
        self._load = load
        self._random = random.Random(plan.seed)
        self._broker: asyncio.Task[None] | None = None
        self.done = 0

    async def run(self) -> None:
        """Kill; the broker stays away for long once."""
        kinds = ["api", "relay", "relay", "consumer-w0", "consumer-w1", "backend"]
        kinds += ["broker"] if self._system.kafka else []
        long_at = self._plan.kills // 3 if self._system.kafka else -1
        while self.done < self._plan.kills:
            written = len(self._load.acknowledged)
            await asyncio.sleep(self._random.uniform(*self._plan.every_s))
            while len(self._load.acknowledged) < written + self._plan.writes_a_kill:
                await asyncio.sleep(0.02)
            kind = "broker" if self.done == long_at else self._random.choice(kinds)
            outage = self._plan.long_outage_s if self.done == long_at else 0.0
            if await self._kill(kind, outage):
                self.done += 1
                label = "broker, away long" if outage else kind.partition("-")[0]
                await self._watch.note(label)
        if self._broker:
            await self._broker

    async def _kill(self, kind: str, outage: float) -> bool:
        if kind == "backend":
            return await self._system.kill_backend(self._random.choice)
        if kind != "broker":
            return await self._system.kill(kind)
        if self._broker and not self._broker.done():
            return False
        kafka = self._system.kafka
        assert kafka
        await asyncio.to_thread(kafka.kill)
        self._broker = asyncio.create_task(self._start_broker(kafka, outage))
        return True

    async def _start_broker(self, kafka: Kafka, outage: float) -> None:
        await asyncio.sleep(outage)
        await asyncio.to_thread(kafka.start)


async def run(system: System, plan: Plan) -> Result:
    """Load, kill, wait until all is counted, and count against the truth."""
    began = time.monotonic()
    load = Load(system, writers=24, per_second=plan.per_second)
    killer, recovery = await kill_under_load(system, plan, load)
    result = await count(system, load)
    result.kills, result.recovery = killer.done, recovery
    result.seconds = time.monotonic() - began
    return result


async def kill_under_load(
    system: Killable, plan: Plan, load: Loading
) -> tuple[Killer, dict[str, list[float]]]:
    """Kill while there is load; then wait until all that was committed is counted."""
    watch = Watch(system)
    killer = Killer(system, plan, watch, load)
    loading, watching = asyncio.create_task(load.run()), asyncio.create_task(watch.run())
    killing = asyncio.create_task(killer.run())
    try:
        await asyncio.wait((loading, killing), return_when=asyncio.FIRST_COMPLETED)
        assert not loading.done(), f"the load ended before the last kill: {loading}"
        await killing
        await asyncio.sleep(1)
        load.stop()
        await asyncio.wait_for(loading, 30)
        await watch.drained(60)
        await asyncio.sleep(0.2)
    finally:
        for task in (loading, watching, killing):
            task.cancel()
        await asyncio.gather(loading, watching, killing, return_exceptions=True)
    return killer, dict(watch.took)


async def count(system: System, load: Acknowledged) -> Result:
    """The oracle: what writers were told, the producer's aggregates, the consumer's sums."""
    credit = await connect_system(system.urls["credit"])
    reporting = await connect_system(system.urls["reporting"])
    booked = await credit.fetch("select id, count(*) as n from booked group by id")
    had = await reporting.fetch("select id, count(*) as n from had group by id")
    accounts = {tuple(r) for r in await credit.fetch("select key, total, n from booked_account")}
    sums = {tuple(r) for r in await reporting.fetch("select key, total, n from sums")}
    parked = await reporting.fetchval("select count(*) from parked")
    await credit.close()
    await reporting.close()
    wrote, counted = {r["id"]: r["n"] for r in booked}, {r["id"]: r["n"] for r in had}
    lost = [b for b in load.acknowledged if b not in wrote] + [b for b in wrote if b not in counted]
    return Result(
        kills=0,
        acknowledged=len(load.acknowledged),
        lost=len(lost),
        counted_twice=sum(n - 1 for n in counted.values()) + len(counted.keys() - wrote.keys()),
        parked=parked,
        wrong_sums=len(accounts ^ sums),
        wrote_twice=sum(n - 1 for n in wrote.values()),
        committed=len(wrote),
        seconds=0,
    )


def seed() -> int:
    """`FAULTS_SEED`, or a new one."""
    return int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6))

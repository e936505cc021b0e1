"""A service: its parts put together, served as an app, or working on events and jobs."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kernel.errors import NotFound
from shared.platform import audit_routes, metrics, openapi, problems
from shared.platform.access import may, public
from shared.platform.accounts import Accounts, accounts_consumer
from shared.platform.audit import Chaining, Seal
from shared.platform.auth import TokenVerifier
from shared.platform.consumer import Consumer, ConsumerLoop
from shared.platform.database import Database
from shared.platform.jobs import Job, JobEnding, JobHandler, JobRunner, find_job
from shared.platform.logging import TODAY, TRACE, is_trace, log, new_trace
from shared.platform.parked import RETRY_JOB, retrying
from shared.platform.parked_routes import parked_routes
from shared.platform.principal import SYSTEM
from shared.platform.relay import Publisher, Relay
from shared.platform.retention import Chore, keep_house
from shared.platform.settings import PlatformSettings, ServiceSettings
from shared.platform.transports import Source
from shared.platform.transports.kafka import KafkaPublisher, KafkaSource
from shared.platform.transports.log import LogSource
from shared.platform.web import In, Out, Run

ACCOUNTS_OWNER = "identity"
StartHook = Callable[[Database, ServiceSettings], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Service:
    """What a service is made of; the platform does the rest.

    `on_start` runs once before the app answers (identity makes its signing key there); `loops` run
    in its worker beside relay and consumers, until cancelled. `endings` say what becomes of the
    thing a job was for, where the job fails or is given up.
    """

    name: str
    title: str
    settings: type[ServiceSettings]
    router: APIRouter
    consumers: Sequence[Consumer] = ()
    jobs: Mapping[str, JobHandler] = field(default_factory=dict[str, JobHandler])
    endings: Mapping[str, JobEnding] = field(default_factory=dict[str, JobEnding])
    on_start: StartHook | None = None
    loops: Sequence[StartHook] = ()
    chores: Sequence[Chore] = ()

    @property
    def topic(self) -> str:
        """The one topic this service writes."""
        return f"{self.name}.events"

    @property
    def prefix(self) -> str:
        """Where its API lives."""
        return f"/api/{self.name}/v1"

    def all_consumers(self) -> tuple[Consumer, ...]:
        """Its own consumers and the one that keeps its copy of the accounts."""
        own_accounts = self.name == ACCOUNTS_OWNER
        return (*self.consumers, *(() if own_accounts else (accounts_consumer(self.name),)))


class ClockIn(In):
    """Where the simulated clock is to stand."""

    now: datetime


class JobOut(Out):
    """A job's state: queued, running, done or failed; progress from 0 to 1."""

    job_id: str
    kind: str
    state: str
    progress: float
    stage: str
    result: dict[str, object] | None
    error: str | None

    @classmethod
    def of(cls, job: Job) -> "JobOut":
        """From the job's row."""
        return cls(
            job_id=str(job.job_id),
            kind=job.kind,
            state=job.state,
            progress=job.progress,
            stage=job.stage,
            result=job.result,
            error=job.error,
        )


def create_app(service: Service, platform: PlatformSettings | None = None) -> FastAPI:
    """The service's HTTP app, with health, metrics, jobs and OpenAPI beside its own routes."""
    shared_settings = platform or PlatformSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = service.settings()  # pyright: ignore[reportCallIssue] - from the environment
        app.state.settings = settings
        app.state.platform = shared_settings
        app.state.database = Database(settings.database_url, pool_size=settings.pool_size)
        app.state.verifier = TokenVerifier(shared_settings, service.name)
        app.state.accounts = Accounts(app.state.database)
        if service.on_start:
            await service.on_start(app.state.database, settings)
        watching = asyncio.create_task(app.state.accounts.watch())
        yield
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await app.state.database.close()

    app = FastAPI(
        title=service.title,
        version="1",
        lifespan=lifespan,
        openapi_url=f"{service.prefix}/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    problems.install(app)
    app.include_router(service.router, prefix=service.prefix)
    common = _common_routes(service, shared_settings)
    app.include_router(common, prefix=service.prefix)
    openapi.install(app, [service.router, common], service.prefix)
    app.add_middleware(Trace, service=service.name)
    return app


class Trace:
    """Gives every request its trace id and every answer the platform's date.

    Pages take the date for deadlines and pre-filled fields: a phone's own clock may be wrong.
    """

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("traceparent", "")
        TRACE.set(given if is_trace(given) else new_trace())
        TODAY.set("")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["traceparent"] = TRACE.get()
                if TODAY.get():
                    headers["yinqi-today"] = TODAY.get()
                route = getattr(scope.get("route"), "path", "none")
                metrics.REQUESTS.labels(self._service, route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _common_routes(service: Service, platform: PlatformSettings) -> APIRouter:
    router = APIRouter(tags=["platform"])
    router.include_router(audit_routes.router)
    router.include_router(parked_routes(tuple(c.name for c in service.all_consumers())))

    @router.get("/health", dependencies=[public()])
    async def health(request: Request) -> JSONResponse:
        """Whether the service can do its work; `outbox` is what waits for the relay."""
        depth, parked = await _depths(request)
        return JSONResponse(
            {"status": "ok", "service": service.name, "outbox": depth, "parked": parked}
        )

    @router.get("/metrics", include_in_schema=False, dependencies=[public()])
    async def show_metrics(request: Request) -> Response:
        depth, parked = await _depths(request)
        metrics.OUTBOX_DEPTH.labels(service.name).set(depth)
        metrics.PARKED_NOW.labels(service.name).set(parked)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/jobs/{job_id}", dependencies=[may("job", "read")])
    async def get_job(job_id: str, run: Run) -> JobOut:
        """State and progress of long work."""
        try:
            wanted = UUID(job_id)
        except ValueError as error:
            raise NotFound("job.unknown", "没有这项任务") from error
        return JobOut.of(await run.read(find_job, wanted))

    if platform.simulation:

        @router.post("/clock", status_code=204, dependencies=[may("clock", "update")])
        async def set_clock(body: ClockIn, request: Request) -> Response:
            """Move this service's simulated clock (demonstrations and tests only)."""
            async with request.app.state.database.transaction() as tx:
                await tx.connection.execute(
                    text("update platform_clock set shift = :now - clock_timestamp()"),
                    {"now": body.now},
                )
            return Response(status_code=204)

    return router


async def _depths(request: Request) -> tuple[int, int]:
    async with request.app.state.database.read(SYSTEM) as tx:
        row = (
            await tx.connection.execute(
                text("select (select count(*) from outbox), (select count(*) from parked)")
            )
        ).one()
        return int(row[0]), int(row[1])


def _collect_less() -> None:
    """Leave what is loaded by now to itself, and look for cycles among new objects less often.

    Rows and requests die when nobody holds them any more; looking through every one of them for
    cycles took a seventh of the processor time of an import.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def serve(service: Service) -> None:
    """Answer HTTP until the process is told to stop."""
    _collect_less()
    settings = service.settings()  # pyright: ignore[reportCallIssue] - from the environment
    config = uvicorn.Config(
        create_app(service),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    _stay_in_memory()
    server.install_signal_handlers = lambda: None  # pyright: ignore[reportAttributeAccessIssue]
    try:
        await server.serve()
    finally:
        server.should_exit = True


async def work(service: Service) -> None:
    """Relay events, consume the others' and do jobs, until cancelled."""
    _collect_less()
    platform = PlatformSettings()
    settings = service.settings()  # pyright: ignore[reportCallIssue] - from the environment
    database = Database(settings.database_url, pool_size=settings.pool_size)
    relay = Relay(
        service=service.name,
        url=settings.database_url,
        publisher=_publisher(service, platform),
        chaining=_chaining(service, platform),
    )
    loops = [
        ConsumerLoop(consumer, database, _source_maker(consumer, settings, platform))
        for consumer in service.all_consumers()
    ]
    jobs = JobRunner(
        handlers={**service.jobs, RETRY_JOB: retrying(service.all_consumers())},
        endings=service.endings,
        database=database,
        settings=settings,
        worker=f"{service.name}-{platform.worker_name}",
    )
    _stay_in_memory()
    log().info("work.started", name=service.name, transport=platform.transport)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.run())
            group.create_task(keep_house(database, service.name, settings, service.chores))
            for loop in loops:
                group.create_task(loop.run())
            for own in service.loops:
                group.create_task(_own_loop(own, database, settings))
            group.create_task(jobs.run())
    finally:
        await database.close()


def _stay_in_memory() -> None:
    """What was imported stays: the collector need not stop everything to walk through it again."""
    gc.collect()
    gc.freeze()


async def _own_loop(loop: StartHook, database: Database, settings: ServiceSettings) -> None:
    await loop(database, settings)


def _publisher(service: Service, platform: PlatformSettings) -> Publisher | None:
    if platform.transport == "log":
        return None
    kafka = KafkaPublisher(bootstrap=platform.kafka_bootstrap, topic=service.topic)
    return Publisher(
        service=service.name, publish=kafka.publish, ends=kafka.ends, close=kafka.close
    )


def _chaining(service: Service, platform: PlatformSettings) -> Chaining:
    if not platform.audit_key:
        log().warning("audit.unsealed", name=service.name, missing="YINQI_AUDIT_KEY_FILE")
    seal = (
        Seal.of(service.name, platform.audit_key, platform.audit_dir)
        if platform.audit_key
        else None
    )
    return Chaining(service=service.name, seal=seal, every_seconds=platform.audit_seal_seconds)


def _source_maker(
    consumer: Consumer, settings: ServiceSettings, platform: PlatformSettings
) -> Callable[[], Source]:
    def make() -> Source:
        if platform.transport == "log":
            return LogSource(
                consumer=consumer.name,
                own_url=settings.database_url,
                topics=consumer.topics,
                log_url=platform.log_url,
            )
        return KafkaSource(
            consumer=consumer.name,
            worker=platform.worker_name,
            bootstrap=platform.kafka_bootstrap,
            topics=consumer.topics,
        )

    return make

"""The whole platform on one machine: PostgreSQL, gateway, services and workers on loopback.

`with Embedded(home) as platform:` starts everything and ends it again; all data is under `home`.
The apps run in one process, the workers (relays, consumers, jobs) in another, so that both cores of
a small machine are used and either may be killed and comes back.
"""

import asyncio
import os
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from services.identity.keys import ensure_key
from shared.platform.embedded.gateway import SIMULATION_RATES, Rates
from shared.platform.embedded.kafka import Kafka
from shared.platform.embedded.nginx import Nginx
from shared.platform.embedded.ports import PortBook
from shared.platform.embedded.postgres import Postgres
from shared.platform.embedded.supervisor import Program, Supervisor
from shared.platform.migrate import migrate
from shared.platform.settings import SERVICES

ROOT = Path(__file__).resolve().parent.parent
Transport = Literal["log", "kafka"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: where the data is, which transport, which port, how processes are cut."""

    home: Path
    transport: Transport = "log"
    port: int | None = None
    simulation: bool = False
    one_process_per_role: bool = False
    web: Path = ROOT / "web" / "dist"
    hosts: tuple[str, ...] = ()


class Embedded:
    """A running platform."""

    def __init__(self, options: Options, *, say: Callable[[str], None] | None = None) -> None:
        self.options = options
        self._say = say or (lambda _text: None)
        self._home = options.home.resolve()
        self.postgres = Postgres(self._home / "postgres")
        self.kafka = (
            Kafka(self._home / "kafka", ROOT / ".yinqi" / "cache")
            if options.transport == "kafka"
            else None
        )
        self._ports = PortBook(self._home / "run" / "ports.json")
        self._chosen: dict[str, int] = {}
        self._supervisor = Supervisor(self._home / "run", say=self._say)
        self.environment: dict[str, str] = {}
        self.nginx: Nginx | None = None

    def __enter__(self) -> Self:
        """Start everything; on trouble, end what was started."""
        self._supervisor.__enter__()
        try:
            self._start()
        except BaseException:
            self._supervisor.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._supervisor.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        if self.nginx is None:
            raise LookupError("the gateway was not started")
        return self.nginx.url

    @property
    def admin_password(self) -> str:
        """The password of the first account, `admin`; made at the first start."""
        path = self._home / "keys" / "admin_password"
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(15))
        return path.read_text()

    def wait(self) -> None:
        """Stay until Ctrl-C or SIGTERM."""
        self._supervisor.wait()

    def request_stop(self) -> None:
        """Make `wait` return."""
        self._supervisor.request_stop()

    def _start(self) -> None:
        self._say("PostgreSQL")
        units = [self.postgres, *([self.kafka] if self.kafka else [])]
        self._supervisor.start(*units)
        self.nginx = self._gateway()
        self.environment = self._make_environment(self.nginx.reserve())
        asyncio.run(self._migrate())
        self._say("services 服务")
        self._supervisor.start(*self._programs())
        self._say("gateway 网关")
        self._supervisor.start(self.nginx)

    def _gateway(self) -> Nginx:
        return Nginx(
            self._home / "nginx",
            {name: self._port(name) for name in SERVICES},
            web=self.options.web,
            port=self.options.port,
            rates=SIMULATION_RATES if self.options.simulation else Rates(),
            hosts=self.options.hosts,
        )

    def _port(self, service: str) -> int:
        # Chosen once: a port that our own server has taken by now would not look free.
        if service not in self._chosen:
            self._chosen[service] = self._ports.port(service)
        return self._chosen[service]

    def _make_environment(self, public_url: str) -> dict[str, str]:
        databases = self.postgres.create_service_databases(*SERVICES)
        environment = {
            "PYTHONPATH": str(ROOT),
            "YINQI_TRANSPORT": self.options.transport,
            "YINQI_JWKS_FILE": str(ensure_key(self._home / "keys")),
            "YINQI_SIMULATION": str(self.options.simulation).lower(),
            "IDENTITY_KEY_DIR": str(self._home / "keys"),
            "IDENTITY_ADMIN_PASSWORD": self.admin_password,
            # Plain HTTP on loopback; a second factor is for those who run it for others.
            "IDENTITY_PUBLIC_URL": public_url,
            "IDENTITY_SECURE_COOKIE": "false",
            "IDENTITY_REQUIRE_TOTP": os.environ.get("IDENTITY_REQUIRE_TOTP", "false"),
            "VISITS_PHOTO_DIR": str(self._home / "photos"),
            "REGISTRY_UPLOAD_DIR": str(self._home / "uploads"),
        }
        if self.kafka:
            environment["YINQI_KAFKA_BOOTSTRAP"] = self.kafka.bootstrap
        for database in databases:
            name = database.name.upper()
            environment[f"{name}_DATABASE_URL"] = database.url
            environment[f"YINQI_LOG_URL_{name}"] = database.log_url
            environment[f"{name}_PORT"] = str(self._port(database.name))
        return environment

    async def _migrate(self) -> None:
        for name in SERVICES:
            await migrate(name, self.environment[f"{name.upper()}_DATABASE_URL"])

    def _programs(self) -> list[Program]:
        if not self.options.one_process_per_role:
            return [self._program("serve", "all"), self._program("work", "all")]
        return [self._program(role, name) for role in ("serve", "work") for name in SERVICES]

    def _program(self, role: str, service: str) -> Program:
        names = SERVICES if service == "all" else (service,)
        ports = {name: self._port(name) for name in names} if role == "serve" else {}
        return Program(
            f"{role}-{service}",
            [sys.executable, "-m", "services", role, service],
            log=self._home / "log" / f"{role}-{service}.log",
            env=self.environment,
            cwd=ROOT,
            ports=ports,
            ready=(lambda: _all_healthy(ports)) if ports else None,
        )


def _all_healthy(ports: Mapping[str, int]) -> bool:
    return all(_healthy(name, port) for name, port in ports.items())


def _healthy(service: str, port: int) -> bool:
    address = f"http://127.0.0.1:{port}/api/{service}/v1/health"
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def default_home() -> Path:
    """Where data lies unless told otherwise: `YINQI_HOME`, or `.yinqi/data` in the checkout."""
    return Path(os.environ.get("YINQI_HOME", ROOT / ".yinqi" / "data"))

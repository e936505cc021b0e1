"""What a command works on: which services, which data folder, which databases."""

import os
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.embedded import ROOT
from shared.platform.service import Service
from shared.platform.settings import SERVICES

console = Console(highlight=False)
Home = Annotated[Path, typer.Option(help="数据目录 data folder")]
Which = Annotated[str, typer.Argument(help=f"all | {' | '.join(SERVICES)}")]


def service_named(name: str) -> Service:
    """The service object of a service package."""
    service: Service = import_module(f"services.{name}.service").SERVICE
    return service


def chosen(which: str) -> list[Service]:
    """The services of a command's argument.

    Raises: typer.BadParameter, where there is none of that name.
    """
    if which != "all" and which not in SERVICES:
        raise typer.BadParameter(f"没有服务 {which};可选:all, {', '.join(SERVICES)}")
    return [service_named(name) for name in (SERVICES if which == "all" else (which,))]


def find_databases(home: Path) -> None:
    """Name the databases: by the environment, else by the platform that runs on `home`."""
    if any(name.endswith(("_DATABASE_URL", "_DATABASE_URL_FILE")) for name in os.environ):
        return
    from shared.platform.embedded.kafka import Kafka  # noqa: PLC0415
    from shared.platform.embedded.postgres import Postgres  # noqa: PLC0415

    server = Postgres(home / "postgres")
    if not server.status().up:
        console.print("[red]平台未运行 start it first: ./yinqi up[/]")
        raise typer.Exit(1)
    for database in server.create_service_databases(*SERVICES):
        os.environ[f"{database.name.upper()}_DATABASE_URL"] = database.url
        os.environ[f"{database.name.upper()}_OWNER_URL"] = database.owner_url
        os.environ[f"YINQI_LOG_URL_{database.name.upper()}"] = database.log_url
    broker = Kafka(home / "kafka", ROOT / ".yinqi" / "cache")
    if broker.status().up:
        os.environ["YINQI_TRANSPORT"] = "kafka"
        os.environ["YINQI_KAFKA_BOOTSTRAP"] = broker.bootstrap

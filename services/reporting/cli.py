"""Operator commands of reporting."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.reporting.rebuild import Sources, rebuild
from services.reporting.settings import ReportingSettings
from shared.platform.settings import PlatformSettings

app = typer.Typer(no_args_is_help=True, help="Reporting: figures and bulletins.")


@app.command("rebuild")
def rebuild_figures(
    processes: Annotated[int, typer.Option(min=1, max=6, help="Workers side by side.")] = 2,
    source: Annotated[
        str, typer.Option(help="log | kafka: where the events are read; not given: as live.")
    ] = "",
) -> None:
    """Make all figures again from the events; prints a hash per table, old and new."""
    platform = PlatformSettings()
    settings = ReportingSettings()  # pyright: ignore[reportCallIssue] - from the environment
    sources = Sources(
        database_url=settings.database_url,
        log_url=platform.log_url,
        transport=platform.transport,
        bootstrap=platform.kafka_bootstrap if (source or platform.transport) == "kafka" else "",
        processes=processes,
    )
    found = asyncio.run(rebuild(sources, typer.echo))
    if not found.identical and not found.caught_up:
        raise typer.Exit(1)


@app.callback()
def main() -> None:
    """Keep `rebuild` a sub-command even while it is the only one."""

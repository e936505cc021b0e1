"""Operator commands on events that were set aside: look at them, try them again."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import typer
from rich.table import Table

from services.embedded import default_home
from services.selecting import Home, Which, chosen, console, find_databases
from shared.platform.database import Database
from shared.platform.parked import list_parked, retry_all
from shared.platform.service import Service
from shared.platform.settings import service_url

ResultT = TypeVar("ResultT")
parked = typer.Typer(help="搁置的事件:查看与重试。Events set aside: look and retry.")


@parked.command("list")
def parked_list(which: Which = "all", home: Home = default_home()) -> None:  # noqa: B008
    """列出搁置的事件及原因。"""
    find_databases(home)
    names = ("consumer", "topic", "part", "off", "key", "seq", "attempts", "error")
    table = Table(*names)
    for service in chosen(which):
        for row in _on_database(service, _look):
            table.add_row(*(str(row[name]) for name in names))
    console.print(table)


@parked.command("retry")
def parked_retry(which: Which, home: Home = default_home()) -> None:  # noqa: B008
    """按顺序重试搁置的事件。"""
    find_databases(home)
    for service in chosen(which):
        done, left = _on_database(service, partial(retry_all, service.all_consumers()))
        console.print(f"{service.name}: 已处理 {done},仍搁置 {left}")


async def _look(database: Database) -> list[dict[str, Any]]:
    async with database.read() as tx:
        return (await list_parked(tx))[0]


def _on_database(service: Service, action: Callable[[Database], Awaitable[ResultT]]) -> ResultT:
    async def run() -> ResultT:
        database = Database(service_url(service.name))
        try:
            return await action(database)
        finally:
            await database.close()

    return asyncio.run(run())

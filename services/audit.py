"""Operator commands on the audit trails: verify them, keep their signed heads elsewhere."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.embedded import default_home
from services.selecting import Home, Which, chosen, console, find_databases
from shared.platform.audit import LINE, Seal
from shared.platform.audit_check import Checked, check_trail, key_set
from shared.platform.connections import connect_system
from shared.platform.service import Service
from shared.platform.settings import PlatformSettings, service_url

audit = typer.Typer(help="操作记录:核验与导出。The audit trail: verify and export.")


@audit.command("verify")
def verify(
    which: Which = "all",
    home: Home = default_home(),  # noqa: B008
    heads: Annotated[
        Path | None, typer.Option(help="另行保管的链头文件 records kept elsewhere", exists=True)
    ] = None,
    key: Annotated[Path | None, typer.Option(help="验签公钥 public key", exists=True)] = None,
) -> None:
    """核验操作记录:逐机构重算哈希链,指出第一处不符。Name the first bad row."""
    find_databases(home)
    if heads and len(chosen(which)) > 1 and not heads.is_dir():
        raise typer.BadParameter("一个文件只属于一个服务 a file is of one service")
    texts = [key.read_text()] if key else [k for k in (_own_key(home),) if k]
    bad = False
    for service in chosen(which):
        checked = asyncio.run(_verify(service, texts, _records(service.name, heads)))
        bad |= _say(service.name, checked, signed=bool(texts))
    raise typer.Exit(1 if bad else 0)


@audit.command("export")
def export(
    which: Which,
    folder: Annotated[Path, typer.Argument(help="写入的文件夹 target folder")],
    home: Home = default_home(),  # noqa: B008
) -> None:
    """导出操作记录与签名链头,并补签当前链头。Write lines and signed heads as JSON lines."""
    find_databases(home)
    folder.mkdir(parents=True, exist_ok=True)
    for service in chosen(which):
        count = asyncio.run(_export(service, folder, _own_key(home)))
        console.print(f"{service.name}: {count} 行 lines → {folder / service.name}.audit")


def _own_key(home: Path) -> str | None:
    """The key of the settings, else of the embedded platform on `home`."""
    if given := PlatformSettings().audit_key:
        return given
    path = home / "keys" / "audit_key.json"
    return path.read_text() if path.exists() else None


def _records(service: str, heads: Path | None) -> list[str] | None:
    if heads is None:
        return None
    path = heads / f"{service}.heads" if heads.is_dir() else heads
    return path.read_text(encoding="ascii").split()


async def _verify(service: Service, keys: list[str], records: list[str] | None) -> Checked:
    connection = await connect_system(service_url(service.name))
    try:
        found = key_set(*keys) if keys else None
        return await check_trail(connection, service=service.name, keys=found, records=records)
    finally:
        await connection.close()


def _say(service: str, checked: Checked, *, signed: bool) -> bool:
    """Print what was found; True where something does not fit."""
    heads = f"链头签名 {checked.records}" if signed else "未核验签名(没有公钥)"
    counts = f"{len(checked.heads)} 条链,{checked.lines} 行相符,{checked.pending} 行待入链"
    console.print(f"{service}: {counts},{heads}")
    if first := checked.first:
        console.print(
            f"[red]✗ 不符 {len(checked.misfits)} 处;第一处 first bad row:[/]"
            f" org={first.org} n={first.n} {first.what} {first.detail}",
            markup=True,
        )
    return checked.first is not None


async def _export(service: Service, folder: Path, key: str | None) -> int:
    connection = await connect_system(service_url(service.name))
    count = 0
    try:
        if key:
            await Seal.of(service.name, key, None).seal(connection)
        with (folder / f"{service.name}.audit").open("w", encoding="utf-8") as file:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                query = (
                    f"select l.org, l.n, encode(l.prev, 'hex') as prev, encode(l.hash, 'hex') as"
                    f" hash, {LINE} from audit_link l join audit a on a.id = l.audit_id"
                    " order by l.org, l.n"
                )
                async for row in connection.cursor(query, prefetch=5_000):
                    file.write(_json(dict(row)) + "\n")
                    count += 1
        records = await connection.fetch("select record from audit_head order by id")
        text = "".join(f"{row['record']}\n" for row in records)
        (folder / f"{service.name}.heads").write_text(text, encoding="ascii")
    finally:
        await connection.close()
    return count


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)

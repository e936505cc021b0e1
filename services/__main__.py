"""The command `yinqi`."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.table import Table

from services.audit import audit
from services.embedded import ROOT, Embedded, Options, Transport, default_home
from services.parked import parked
from services.selecting import Home, Which, chosen, console, find_databases
from shared.kernel.errors import YinqiError
from shared.platform.embedded.processes import EmbeddedError
from shared.platform.embedded.supervisor import read_state
from shared.platform.logging import configure
from shared.platform.service import serve, work
from shared.platform.settings import PlatformSettings, owner_url

app = typer.Typer(
    help="银企平台:银行与科技型企业对接专项行动。Yinqi brings banks to technology SMEs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


async def _together(runs: list[Any]) -> None:
    async with asyncio.TaskGroup() as group:
        for run in runs:
            group.create_task(run)


@app.command("serve")
def serve_command(which: Which) -> None:
    """运行服务的 HTTP 接口(一个进程)。Serve one service's HTTP API, or all in one process."""
    configure(service=f"serve-{which}", level=PlatformSettings().log_level)
    _run(_together([serve(service) for service in chosen(which)]))


@app.command("work")
def work_command(which: Which) -> None:
    """运行服务的后台工作:事件转发、消费与任务。Relay, consume and do jobs."""
    configure(service=f"work-{which}", level=PlatformSettings().log_level)
    _run(_together([work(service) for service in chosen(which)]))


def _run(main: Any) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(main)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


@app.command()
def migrate(which: Which = "all") -> None:
    """把数据库升级到最新结构。Bring databases to the newest migration."""
    from shared.platform.migrate import migrate as bring_up  # noqa: PLC0415

    for service in chosen(which):
        changed = asyncio.run(bring_up(service.name, owner_url(service.name)))
        console.print(f"{service.name}: {'已升级' if changed else '已是最新'}")


@app.command()
def up(
    home: Home = default_home(),  # noqa: B008 - typer shows the default
    transport: Annotated[str, typer.Option(help="事件传输 log | kafka")] = "log",
    port: Annotated[int, typer.Option(help="网关端口 gateway port")] = 8080,
) -> None:
    """启动平台(无演示数据),Ctrl-C 结束。Run everything on loopback, without demo data."""
    prepare_pages()
    options = Options(home=home, transport=_transport(transport), port=port)
    with _reported(), Embedded(options, say=_say) as platform:
        console.print(f"\n[bold]平台已启动[/] {platform.url}")
        console.print(f"  网页 pages       {platform.url}/  {platform.url}/m/")
        console.print(f"  管理员 admin     用户名 admin  密码 {platform.admin_password}")
        console.print("  结束 stop        Ctrl-C")
        platform.wait()


def _transport(text: str) -> Transport:
    if text not in ("log", "kafka"):
        raise typer.BadParameter("transport 只能是 log 或 kafka")
    return text


def prepare_pages() -> None:
    """Build the pages where they are missing or old; without Node or npm the API still serves."""
    from shared.platform.embedded.toolchain import build_web, web_is_current  # noqa: PLC0415

    if web_is_current():
        return
    with console.status("正在构建网页 building pages …"):
        try:
            build_web()
        except EmbeddedError as error:
            console.print(f"[yellow]网页未能构建,接口照常可用 pages not built:[/] {error}")


class _reported:  # noqa: N801 - used as a with-statement
    """Turns the launchers' expected errors into one clear line."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, EmbeddedError):
            console.print(f"[red]未能启动 could not start:[/] {error}")
            raise typer.Exit(1)


def _say(text: str) -> None:
    console.print(f"[dim]· {text}[/]")


@app.command()
def demo(  # noqa: PLR0917 - one parameter per option
    size: Annotated[str, typer.Option(help="规模 small | city | province")] = "small",
    seed: Annotated[int, typer.Option(help="随机种子 same seed, same campaign")] = 7,
    transport: Annotated[str, typer.Option(help="事件传输 log | kafka")] = "log",
    home: Home = default_home(),  # noqa: B008
    port: Annotated[int, typer.Option(help="网关端口 gateway port; 0: any")] = 8080,
    leave: Annotated[bool, typer.Option("--exit", help="打印通报后结束 end after that")] = False,
    list_file: Annotated[Path | None, typer.Option("--list", help="自带企业名单 your list")] = None,
    outlets_file: Annotated[
        Path | None, typer.Option("--outlets", help="自带网点名录 your outlets")
    ] = None,
    photo_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="有照片的走访占比 share with photos")
    ] = None,
) -> None:
    """启动平台并跑完一次对接活动:从名单到通报。Run a whole campaign, from list to bulletin."""
    from services.demo import SIZES, Demo, DemoError, run  # noqa: PLC0415

    if size not in SIZES:
        raise typer.BadParameter("size 只能是 " + " | ".join(SIZES))
    prepare_pages()
    asked = Demo(
        home=home,
        size=size,
        seed=seed,
        transport=_transport(transport),
        port=port or None,
        list_file=list_file,
        outlets_file=outlets_file,
        photo_share=photo_share,
    )
    try:
        with _reported():
            run(asked, console, leave=leave)
    except DemoError as error:
        console.print(f"[red]{error}[/]", markup=True)
        raise typer.Exit(1) from None


@app.command()
def status(home: Home = default_home()) -> None:  # noqa: B008
    """显示运行状态。What runs, since when, on which ports."""
    state = read_state(home / "run")
    if state is None or not state["running"]:
        console.print("平台未运行 not running")
        raise typer.Exit(1)
    table = Table("部分 part", "状态 state", "pid", "端口 ports", "启动于 since", "重启 restarts")
    for name, unit in state["units"].items():
        record: dict[str, Any] = dict(unit)
        ports = " ".join(f"{k}:{v}" for k, v in record.get("ports", {}).items())
        table.add_row(
            name,
            str(record.get("state")),
            str(record.get("pid")),
            ports,
            str(record.get("started_at", "")),
            str(record.get("restarts", 0)),
        )
    console.print(table)


@app.command()
def reset(
    home: Home = default_home(),  # noqa: B008
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 do not ask")] = False,
) -> None:
    """删除全部数据,重新开始。Delete all data of a stopped platform."""
    state = read_state(home / "run")
    if state and state["running"]:
        console.print("[red]平台正在运行,请先停止 stop the platform first[/]")
        raise typer.Exit(1)
    if not home.exists():
        console.print("没有数据 nothing to delete")
        return
    if not yes and not typer.confirm(f"将永久删除 {home} 下的全部数据,确定?"):
        raise typer.Exit(1)
    shutil.rmtree(home)
    console.print("已清空 done")


@app.command()
def openapi(
    folder: Annotated[Path, typer.Argument(help="写入的文件夹")] = ROOT / "web" / "openapi",
) -> None:
    """写出各服务的 OpenAPI 3.1 文档。Write every service's OpenAPI document."""
    from shared.platform.service import create_app  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for service in chosen("all"):
        document = create_app(service, PlatformSettings(simulation=False)).openapi()
        text = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True)
        (folder / f"{service.name}.json").write_text(text + "\n")
        console.print(f"{folder / service.name}.json")


app.add_typer(audit, name="audit")
app.add_typer(parked, name="parked")


@app.command()
def rebuild(
    service: Annotated[str, typer.Argument(help="reporting")],
    home: Home = default_home(),  # noqa: B008
    processes: Annotated[int, typer.Option(help="并行进程数", min=1, max=6)] = 2,
    source: Annotated[str, typer.Option(help="从何处读取事件 log | kafka;默认与运行时相同")] = "",
) -> None:
    """清空统计,从事件重建,逐表打印新旧校验值。Rebuild the figures from all events."""
    from services.reporting.cli import rebuild_figures  # noqa: PLC0415

    if service != "reporting":
        raise typer.BadParameter("只有 reporting 可以从事件重建 only reporting can be rebuilt")
    if source not in ("", "log", "kafka"):
        raise typer.BadParameter("source 只能是 log 或 kafka")
    find_databases(home)
    rebuild_figures(processes, source)


@app.command()
def republish(which: Which, home: Home = default_home()) -> None:  # noqa: B008
    """把事件日志从头重新发布到 Kafka(消息服务器磁盘丢失之后)。Fill a broker again."""
    from shared.platform.relay import republish as start_over  # noqa: PLC0415

    find_databases(home)
    for service in chosen(which):
        settings = service.settings()  # pyright: ignore[reportCallIssue]
        count = asyncio.run(start_over(settings.database_url))
        console.print(f"{service.name}: {count} 个事件将重新发布 will be published again")


@app.command("rotate-key")
def rotate_key(home: Home = default_home()) -> None:  # noqa: B008
    """轮换令牌签名密钥:新旧两把同时有效,不影响已登录的人。Put a new signing key beside the old."""
    from services.identity.keys import rotate  # noqa: PLC0415

    try:
        console.print(f"新密钥 new key: {rotate(home / 'keys')}")
    except YinqiError as error:
        console.print(f"[red]{error.title}[/] {error.detail}")
        raise typer.Exit(1) from None


vault = typer.Typer(help="个人信息的密钥:轮换、单独备份与恢复。Keys of the vault.")
app.add_typer(vault, name="vault")


@vault.command("rotate")
def vault_rotate(home: Home = default_home()) -> None:  # noqa: B008
    """用第一把主密钥重新包装全部数据密钥。Wrap all data keys with the first master key."""
    from services.vaults import rotate_keys  # noqa: PLC0415

    _find_vault(home)
    rotate_keys(console.print)


@vault.command("dump-keys")
def vault_dump(file: Path, home: Home = default_home()) -> None:  # noqa: B008
    """单独备份数据密钥(保存期要短)。Dump the wrapped keys apart from the data."""
    from services.vaults import dump_keys  # noqa: PLC0415

    _find_vault(home)
    dump_keys(file, console.print)


@vault.command("load-keys")
def vault_load(file: Path, home: Home = default_home()) -> None:  # noqa: B008
    """恢复备份后装回数据密钥,已删除的不再能读。After a restore: only these keys count."""
    from services.vaults import load_keys  # noqa: PLC0415

    _find_vault(home)
    load_keys(file, console.print)


def _find_vault(home: Path) -> None:
    from shared.platform.vault import ensure_keys  # noqa: PLC0415

    find_databases(home)
    if not any("_MASTER_KEYS" in name for name in os.environ):
        os.environ.update(ensure_keys(home / "keys"))
    os.environ.setdefault("REGISTRY_UPLOAD_DIR", str(home / "uploads"))
    os.environ.setdefault("VISITS_PHOTO_DIR", str(home / "photos"))


allocation = typer.Typer(help="分配方案:核验导出的方案。Allocation plans: check an exported one.")
app.add_typer(allocation, name="allocation")


@allocation.command("verify")
def allocation_verify(
    file: Annotated[Path, typer.Argument(help="导出的方案文件 exported plan")],
) -> None:
    """核验导出的分配方案:不需要平台,重算全部距离、成本与最优性证明。"""
    from services.allocation.cli import verify_file  # noqa: PLC0415

    raise typer.Exit(verify_file(file))


contracts = typer.Typer(help="事件契约:检查与发布。Event contracts: check and release.")
app.add_typer(contracts, name="contracts")


@contracts.command("check")
def contracts_check() -> None:
    """检查事件契约是否与已发布版本兼容。"""
    from shared.contracts.documents import check  # noqa: PLC0415

    problems = check()
    for problem in problems:
        console.print(f"[red]✗[/] {problem}")
    console.print("契约不兼容" if problems else "契约兼容 contracts are compatible")
    raise typer.Exit(1 if problems else 0)


@contracts.command("write")
def contracts_write() -> None:
    """写出 JSON Schema、样例、AsyncAPI 与 docs/events.md;不兼容的改动会被拒绝。"""
    from shared.contracts.documents import asyncapi, events_page, write  # noqa: PLC0415

    for problem in write():
        console.print(f"[red]✗[/] {problem}")
        raise typer.Exit(1)
    docs = ROOT / "docs"
    docs.mkdir(exist_ok=True)
    text = json.dumps(asyncapi(), ensure_ascii=False, indent=1)
    (docs / "asyncapi.json").write_text(text + "\n")
    (docs / "events.md").write_text(events_page())
    console.print("已写出 written")


@app.command()
def test(
    arguments: Annotated[list[str] | None, typer.Argument(help="传给 pytest 的参数")] = None,
) -> None:
    """安装测试所需并运行全部测试。Install what the tests need and run all of them."""
    command = [sys.executable, "-m", "tests.gate", *(arguments or [])]
    raise typer.Exit(subprocess.call(command, cwd=ROOT))  # noqa: S603 - our own gate


@app.command(context_settings={"ignore_unknown_options": True})
def bench(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            help="write guards relay latency rebuild import assess search allocation planning demo"
            ";不写则除 demo 外全部。--quick 只试一遍;--table 由结果写出 README 的表"
        ),
    ] = None,
) -> None:
    """测量性能,与参照并排。Measure the speed beside yardsticks; results in benchmarks/results."""
    command = [sys.executable, "-m", "benchmarks.run", *(arguments or [])]
    raise typer.Exit(subprocess.call(command, cwd=ROOT))  # noqa: S603 - our own programs


def main() -> None:
    """Entry point of the `yinqi` command."""
    app()


if __name__ == "__main__":
    main()

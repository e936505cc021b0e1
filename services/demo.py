"""`yinqi demo`: the platform with a whole campaign in it, made once and kept.

The campaign itself is driven from outside through the gateway (benchmarks/campaign); here stands
only what is around it: what was there before, starting, what to tell the user, staying up.
"""

import asyncio
import json
import signal
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from services.embedded import Embedded, Transport
from services.embedded import Options as Platform

if TYPE_CHECKING:
    from benchmarks.campaign.world import World

STATE = "state.json"
SIZES = ("small", "city", "province")


class DemoError(Exception):
    """The demonstration cannot be run as asked; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the user asked for."""

    home: Path
    size: str = "small"
    seed: int = 7
    transport: Transport = "log"
    port: int | None = None
    list_file: Path | None = None
    outlets_file: Path | None = None
    photo_share: float | None = None

    @property
    def folder(self) -> Path:
        """Where the campaign keeps its files."""
        return self.home / "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is in the data folder: which campaign, made how, and whether to its end."""

    state: str
    size: str
    seed: int
    transport: str
    own_files: bool
    campaign_id: str = ""


def read_state(folder: Path) -> State | None:
    """The state of an earlier run, if there was one."""
    path = folder / STATE
    return State(**json.loads(path.read_text())) if path.exists() else None


def _write_state(folder: Path, state: State) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATE).write_text(json.dumps(asdict(state), indent=1) + "\n")


def check(demo: Demo) -> State | None:
    """Whether the run can begin; the kept campaign, where there is one.

    Raises: DemoError.
    """
    if (demo.list_file is None) != (demo.outlets_file is None):
        raise DemoError("--list 与 --outlets 须一起给出 give both --list and --outlets")
    for path in (demo.list_file, demo.outlets_file):
        if path is not None and not path.is_file():
            raise DemoError(f"没有这个文件 no such file: {path}")
    kept = read_state(demo.folder)
    if kept is None and (demo.home / "postgres").exists():
        raise DemoError(
            f"{demo.home} 已有其他数据,演示不会混入;请换 --home,或先 ./yinqi reset"
            " (other data is there: choose another --home, or reset)"
        )
    if kept is not None and kept.state != "done":
        raise DemoError(
            f"上次演示中途停止({kept.size}, seed {kept.seed}),数据不完整;请先 ./yinqi reset"
            f" --home {demo.home} (an earlier run was cut short: reset first)"
        )
    if kept is not None and kept.transport != demo.transport:
        raise DemoError(
            f"已有演示数据在 {kept.transport} 上,不能改用 {demo.transport};请换 --home 或先 reset"
        )
    return kept


def run(demo: Demo, console: Console, *, leave: bool) -> None:
    """Start the platform, run the campaign if there is none yet, tell, and stay up.

    Raises: DemoError, EmbeddedError.
    """
    kept = check(demo)
    if kept is None:
        _write_state(demo.folder, _state(demo, "running"))
    options = Platform(home=demo.home, transport=demo.transport, port=demo.port, simulation=True)
    with Embedded(options, say=lambda text: console.print(f"[dim]· {text}[/]")) as platform:
        if kept is None:
            world = _drive(demo, platform, console)
            kept = _state(demo, "done", world.campaign_id)
            _write_state(demo.folder, kept)
        elif (kept.size, kept.seed) != (demo.size, demo.seed):
            console.print(
                f"[yellow]数据目录里是先前的演示 kept: {kept.size}, seed {kept.seed};"
                "要重新生成请先 ./yinqi reset[/]"
            )
        _show(demo, kept, platform, console)
        if not leave:
            console.print("\n结束 stop: Ctrl-C")
            platform.wait()


def _state(demo: Demo, state: str, campaign_id: str = "") -> State:
    return State(
        state=state,
        size=demo.size,
        seed=demo.seed,
        transport=demo.transport,
        own_files=demo.list_file is not None,
        campaign_id=campaign_id,
    )


def _drive(demo: Demo, platform: Embedded, console: Console) -> "World":
    """Run the campaign; Ctrl-C ends it."""
    from benchmarks.campaign.api import Failed, NotThere  # noqa: PLC0415
    from benchmarks.campaign.drive import run_campaign  # noqa: PLC0415
    from benchmarks.campaign.world import Options  # noqa: PLC0415

    options = Options(
        size=demo.size,
        seed=demo.seed,
        home=demo.home.resolve(),
        list_file=demo.list_file,
        outlets_file=demo.outlets_file,
        photo_share=demo.photo_share,
    )
    campaign = run_campaign(options, platform.url, platform.admin_password, console)
    try:
        world = asyncio.run(_until_signal(campaign))
    except (Failed, NotThere) as error:
        step = "\n".join(getattr(error, "__notes__", []))
        raise DemoError(f"演示中断 the campaign stopped\n{step}\n{error}") from error
    except asyncio.CancelledError as error:
        raise DemoError("已中止;数据不完整,请 ./yinqi reset 后重来 stopped by the user") from error
    console.print(world.steps.table())
    return world


async def _until_signal(campaign: "Coroutine[Any, Any, World]") -> "World":
    """The supervisor holds the signals; while a campaign runs they have to end it, too."""
    running = asyncio.create_task(campaign)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    loop = asyncio.get_running_loop()
    for number in before:
        loop.add_signal_handler(number, running.cancel)
    try:
        return await running
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _show(demo: Demo, kept: State, platform: Embedded, console: Console) -> None:
    """The bulletins, where things are, and how to sign in."""
    rows = json.loads((demo.folder / "accounts.json").read_text())
    editions = asyncio.run(_editions(platform.url, rows, kept.campaign_id))
    from benchmarks.campaign.bulletins import show  # noqa: PLC0415

    for edition in editions:
        show(console, edition)
    console.print(f"\n[bold]平台已启动 running[/] {platform.url}")
    console.print(f"  监管看板 board     {platform.url}/")
    console.print(f"  手机页面 phone     {platform.url}/m/")
    console.print(f"  接口文档 OpenAPI   {platform.url}/api/<service>/v1/openapi.json")
    console.print(f"  步骤耗时 report    {demo.folder / 'report.json'}")
    _show_accounts(demo, rows, console)


async def _editions(
    url: str, rows: list[dict[str, str]], campaign_id: str
) -> list[dict[str, object]]:
    from benchmarks.campaign.api import Api, Caller  # noqa: PLC0415
    from benchmarks.campaign.bulletins import kept  # noqa: PLC0415

    row = next(row for row in rows if row["role"] == "province_regulator")
    async with Api(url) as api:
        regulator = Caller(row["username"], row["role"], row["password"])
        return await kept(api, regulator, campaign_id)


def _show_accounts(demo: Demo, rows: list[dict[str, str]], console: Console) -> None:
    table = Table(title="登录账号(每种角色一个)one account of each role", title_justify="left")
    for name in ("角色 role", "用户名 username", "密码 password"):
        table.add_column(name)
    seen: set[str] = set()
    for row in rows:
        if row["role"] not in seen:
            seen.add(row["role"])
            table.add_row(row["role"], row["username"], row["password"])
    console.print(table)
    console.print(f"  全部账号 all accounts {demo.folder / 'accounts.json'}")

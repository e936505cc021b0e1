"""Quarterly bulletins: published by the regulator, printed for people."""

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.campaign.agreeing import Asked, by_two
from benchmarks.campaign.api import Api, Caller, Json
from benchmarks.campaign.waiting import figures_settled
from benchmarks.campaign.world import World

REPORTING = "/reporting/v1"
#: code, heading, whether it is money, whether it stands in a narrow table, too.
COLUMNS = (
    ("listed", "名单\n企业", False, False),
    ("assigned", "分到\n企业", False, False),
    ("visited", "已走访\n企业", False, True),
    ("matched", "本季对接\n企业", False, True),
    ("matched_total", "累计对接\n企业", False, True),
    ("lines_n", "本季授信\n笔数", False, True),
    ("lines_fen", "本季授信\n万元", True, True),
    ("granted_n", "本季放款\n笔数", False, True),
    ("granted_fen", "本季放款\n万元", True, True),
    ("granted_fen_total", "累计放款\n万元", True, False),
    ("balance_fen", "贷款余额\n万元", True, False),
    ("borrowers", "有余额\n企业", False, False),
)
WIDE, PAPER = 138, 150
MOST_BANKS = 40


async def publish(world: World, quarter: str) -> Json:
    """Publish the bulletin of a quarter once reporting has taken everything in."""
    with world.steps.step(f"通报 bulletin {quarter}") as step:
        await figures_settled(world, quarter)
        body = {"campaign_id": world.campaign_id, "quarter": quarter}
        head = await _published(world, body)
        world.journal.note("bulletin", quarter=quarter, edition=head["edition"])
        step.note(f"第 {head['edition']} 版 edition,SHA-256 {head['sha256'][:16]}…")
        return head


async def _published(world: World, body: Json) -> Json:
    asked = Asked("bulletin.publish", f"{body['campaign_id']}.{body['quarter']}", "发布通报", body)
    return await by_two(
        world, world.regulator, world.second_regulator, f"{REPORTING}/bulletins", asked
    )


async def kept(api: Api, who: Caller, campaign_id: str) -> list[Json]:
    """The published editions, whole, in the order of their quarters."""
    heads = (await api.get(who, f"{REPORTING}/bulletins", campaign_id=campaign_id))["items"]
    editions = [await api.get(who, f"{REPORTING}/bulletins/{h['bulletin_id']}") for h in heads]
    return sorted(editions, key=lambda each: (each["quarter"], each["edition"]))


def show(console: Console, edition: Json) -> None:
    """Print an edition: by region, then by institution; a file gets the wide form."""
    if not console.is_terminal:
        console = Console(file=console.file, width=PAPER, highlight=False)
    content = edition["content"]
    title = f"{edition['quarter']} 银企对接情况通报(第 {edition['edition']} 版)"
    by_region = f"{title} · 按地区 by region"
    console.print(_table(by_region, "region_name", content["by_region"], content, console))
    banks = sorted(
        content["by_institution"],
        key=lambda line: (-line["metrics"]["granted_fen_total"], line["institution_name"]),
    )
    by_bank = f"{title} · 按机构 by institution"
    shown = _table(by_bank, "institution_name", banks[:MOST_BANKS], content, console)
    if len(banks) > MOST_BANKS:
        shown.caption = f"放款最多的 {MOST_BANKS} 家,共 {len(banks)} 家 the largest of all"
    console.print(shown)
    console.print(f"[dim]数据截至 known at {edition['known_at']}[/]")
    for note in content["notes"]:
        console.print(f"[dim]注:{note}[/]")


def _table(title: str, name: str, lines: list[Json], content: Json, console: Console) -> Table:
    # The list is nobody's: no institution's row has a part in it.
    left_out = "listed" if name == "institution_name" else ""
    columns = [
        column
        for column in COLUMNS
        if column[0] != left_out and (column[3] or console.width >= WIDE)
    ]
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=24)
    for _, heading, *_more in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(str(line[name]), *_cells(line, columns))
    table.add_section()
    table.add_row("合计 total", *_cells(content["total"], columns))
    return table


def _cells(line: Json, columns: list[tuple[str, str, bool, bool]]) -> list[str]:
    return [
        f"{float(line['wan'][code]):,.2f}" if money else f"{line['metrics'][code]:,}"
        for code, _, money, _narrow in columns
    ]

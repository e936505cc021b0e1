"""The year in order: who does what when, from the list to the last bulletin."""

import json
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.console import Console

from benchmarks.campaign import accounts, allocating, bulletins, correcting
from benchmarks.campaign.api import Api, Caller
from benchmarks.campaign.banking import Banking
from benchmarks.campaign.checking import check
from benchmarks.campaign.dice import Dice
from benchmarks.campaign.importing import take_file
from benchmarks.campaign.inputs import Truth, make_province, truth_of
from benchmarks.campaign.journal import Journal
from benchmarks.campaign.steps import Memory, Steps
from benchmarks.campaign.survey import make_up_desks, read_banks, read_firms
from benchmarks.campaign.visiting import Planned, plan_wave, visit_until
from benchmarks.campaign.waiting import figures_settled, move_clock, outboxes_empty
from benchmarks.campaign.world import (
    BULLETINS,
    CORRECTED_ON,
    MONTHS_FOUR,
    MONTHS_ONE,
    MONTHS_THREE,
    MONTHS_TWO,
    NAMED_ON,
    OPENS_ON,
    PLANNED_ON,
    RENAMED_ON,
    ROTATED_ON,
    SECOND_UNTIL,
    VISITS_FROM,
    VISITS_UNTIL,
    Options,
    World,
)

REPORT = "report.json"
OWN_BEFORE, OWN_AFTER = 0.08, 0.05


async def run_campaign(options: Options, url: str, admin_password: str, console: Console) -> World:
    """Run the whole campaign and write the report of what it cost.

    Raises: Failed, NotThere: the step under way is in `World.steps.now`, which the caller prints.
    """
    memory = Memory(options.home)
    try:
        async with Api(url) as api:
            with Journal(options.folder / "actions.ndjson") as journal:
                world = World(
                    options=options,
                    api=api,
                    steps=Steps(console, memory, api),
                    journal=journal,
                    dice=Dice(options.seed),
                    admin=Caller("admin", "platform_admin", admin_password),
                )
                try:
                    await _year(world)
                except BaseException as error:
                    error.add_note(f"步骤 step: {world.steps.now}")
                    raise
        write_report(world)
        return world
    finally:
        memory.stop()


async def _year(world: World) -> None:
    await move_clock(world, OPENS_ON)
    await accounts.open_regulators(world)
    truth = await _take_files(world)
    await read_firms(world, truth)
    await accounts.open_all(world)
    await allocating.open_campaign(world)
    banking = Banking(world)
    banking.early_loans()
    await banking.push_until(OPENS_ON, "此前的贷款 loans from before")
    await _share_out(world)
    visits = await _spring_and_summer(world, banking)
    await _autumn(world, banking, visits)


async def _take_files(world: World) -> Truth | None:
    """Import the files, the user's or a synthetic province's, and read back who there is."""
    folder = world.options.folder / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    if world.options.list_file and world.options.outlets_file:
        await _take_own_files(world, world.options.list_file, world.options.outlets_file, folder)
        return None
    with world.steps.step("生成模拟省份 make a province") as step:
        province = make_province(world.options.size, world.options.seed, folder)
        step.note(f"{len(province.enterprises):,} 家企业,{len(province.outlets):,} 个网点(模拟)")
    for kind in ("institutions", "outlets", "staff"):
        await take_file(world, kind, folder / f"{kind}.xlsx")
    done = await take_file(world, "enterprises", folder / "enterprises.xlsx")
    world.tally.listed = done["counts"]["taken"]
    await read_banks(world)
    return truth_of(province)


async def _take_own_files(world: World, listed: Path, outlets: Path, folder: Path) -> None:
    world.steps.console.print(
        "[yellow]名单和网点用您的文件;文件中没有的(客户经理、服务能力、需求、贷款)由种子编造。"
        "what your files lack (managers, capacity, needs, loans) is made up from the seed.[/]"
    )
    await take_file(world, "outlets", outlets)
    supplement, staff = await make_up_desks(world, folder)
    await take_file(world, "outlets", supplement, "补充网点(编造) made-up desks")
    await take_file(world, "staff", staff, "导入人员(编造) made-up staff")
    done = await take_file(world, "enterprises", listed)
    world.tally.listed = done["counts"]["taken"]
    await read_banks(world)


async def _share_out(world: World) -> None:
    await move_clock(world, PLANNED_ON)
    await allocating.plan(world, 1)
    await allocating.plan(world, 2)
    held = await allocating.read_holders(world, PLANNED_ON, "各机构查看分配 assignments")
    await move_clock(world, NAMED_ON)
    await allocating.name_contacts(world, held, "落实联系人 contacts")
    await allocating.contacts_complete(world)


async def _months(
    world: World, banking: Banking, planned: list[Planned], days: Sequence[date]
) -> None:
    for day in days:
        await move_clock(world, day)
        title = f"{day.year}-{day.month:02d}"
        await visit_until(world, planned, day, f"{title}:走访 visits")
        await banking.work_until(day, title)


async def _spring_and_summer(world: World, banking: Banking) -> list[Planned]:
    """First wave: May to August. Returns its visits."""
    firms = list(world.firms.values())
    share = world.options.shares.visited
    visits = plan_wave(world, 1, share, VISITS_FROM, VISITS_UNTIL, firms)
    banking.after_visits(visits, 1)
    banking.own_accord(VISITS_FROM, VISITS_UNTIL, OWN_BEFORE, "Z1")
    planned = list(visits)
    await _months(world, banking, planned, MONTHS_ONE)
    await _bulletin(world, "2022Q2")
    await _months(world, banking, planned, MONTHS_TWO)
    return visits


async def _autumn(world: World, banking: Banking, visits: list[Planned]) -> None:
    """Rotation, corrections, second wave, two more bulletins."""
    await move_clock(world, ROTATED_ON)
    await figures_settled(world, "2022Q3")
    await allocating.rotate(world, banking.matched)
    rotated = await allocating.read_holders(world, ROTATED_ON, "轮换后的分配 assignments")
    await move_clock(world, RENAMED_ON)
    await allocating.name_contacts(world, rotated, "落实轮换联系人 contacts")
    await move_clock(world, CORRECTED_ON)
    await correcting.move_firms(world)
    await correcting.void_visits(world, visits)
    share = world.options.shares.visited_again
    again = plan_wave(world, 2, share, CORRECTED_ON, SECOND_UNTIL, rotated)
    banking.after_visits(again, 2)
    banking.own_accord(CORRECTED_ON, SECOND_UNTIL, OWN_AFTER, "Z2")
    planned = list(again)
    await _months(world, banking, planned, MONTHS_THREE)
    await _bulletin(world, "2022Q3")
    await _months(world, banking, planned, MONTHS_FOUR)
    await _bulletin(world, "2022Q4")
    await outboxes_empty(world)
    await check(world)


async def _bulletin(world: World, quarter: str) -> None:
    await move_clock(world, BULLETINS[quarter])
    await bulletins.publish(world, quarter)


def write_report(world: World) -> Path:
    """Write what was done and what each step cost."""
    options = world.options
    report = {
        "size": options.size,
        "seed": options.seed,
        "own_files": options.own_files,
        "campaign_id": world.campaign_id,
        "photo_share": options.photos,
        "shares": {name: getattr(options.shares, name) for name in options.shares.__slots__},
        "actions": world.journal.counts,
        "steps": world.steps.plain(),
        "written_at_unix": int(time.time()),
    }
    path = options.folder / REPORT
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path

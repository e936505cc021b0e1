"""April, first days: the regulator takes in institutions, outlets, staff and the list."""

from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.campaign.api import Json, NotThere
from benchmarks.campaign.steps import Step
from benchmarks.campaign.waiting import job_done
from benchmarks.campaign.world import VINTAGE, World

TITLES = {
    "institutions": "导入机构 institutions",
    "outlets": "导入网点 outlets",
    "staff": "导入人员 staff",
    "enterprises": "导入名单 list",
}
REGISTRY = "/registry/v1"


async def take_file(world: World, kind: str, path: Path, title: str | None = None) -> Json:
    """Import one file, follow it, and say what was taken and what not, and why."""
    with world.steps.step(title or TITLES[kind]) as step:
        form: dict[str, Any] = {"kind": kind}
        if kind == "enterprises":
            form["list_vintage"] = VINTAGE
        begun = await world.api.upload(
            world.regulator, f"{REGISTRY}/imports", path.name, path.read_bytes(), form
        )
        import_id = begun["import_id"]
        place = f"{REGISTRY}/imports/{import_id}"
        done = await job_done(world, world.regulator, place, step.at)
        counts = done["counts"]
        _check_sum(path, counts)
        report = await _keep_report(world, place, kind, title)
        _note_counts(step, counts, report)
        world.journal.note("import", kind=kind, file=path.name, import_id=import_id, counts=counts)
    if counts["refused"] or counts["doubtful"]:
        await _show_reasons(world, place, report)
    return done


def _check_sum(path: Path, counts: dict[str, int]) -> None:
    parts = counts["taken"] + counts["refused"] + counts["doubtful"]
    if parts != counts["rows"]:
        raise NotThere(f"{path.name}: 收 + 退 + 疑 = {parts}, 文件 {counts['rows']} 行")


async def _keep_report(world: World, place: str, kind: str, title: str | None) -> Path:
    answer = await world.api.ask(world.regulator, "GET", f"{place}/report.xlsx")
    folder = world.options.folder / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}{'-supplement' if title else ''}.xlsx"
    path.write_bytes(answer.content)
    return path


def _note_counts(step: Step, counts: dict[str, int], report: Path) -> None:
    step.note(
        f"文件 {counts['rows']:,} 行 = 收 taken {counts['taken']:,} + 退 refused"
        f" {counts['refused']:,} + 疑 doubtful {counts['doubtful']:,};逐行结果 {report}"
    )
    if counts["doubtful"]:
        step.note("存疑的行须人工确认,本次未收 doubtful rows are not taken")


async def _show_reasons(world: World, place: str, report: Path) -> None:
    """Why rows were not taken, counted."""
    found: dict[tuple[str, str], int] = {}
    messages: dict[str, str] = {}
    for outcome in ("refused", "doubtful"):
        async for row in world.api.pages(world.regulator, f"{place}/rows", outcome=outcome):
            for reason in row["reasons"]:
                key = (outcome, reason["code"])
                found[key] = found.get(key, 0) + 1
                messages.setdefault(reason["code"], reason["message"])
    table = Table(title=f"未收的行及原因 rows not taken ({report.name})")
    for name in ("结果", "行数", "原因代码", "原因(例)"):
        right = name == "行数"
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for (outcome, code), count in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        shown = "退" if outcome == "refused" else "疑"
        table.add_row(shown, f"{count:,}", code, messages[code].partition("(")[0])
    world.steps.console.print(table)

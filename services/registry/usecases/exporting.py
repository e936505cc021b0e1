"""Make files of what a caller may see: asked for with a purpose, made by a job, kept on record."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from services.registry.domain.tables import Format, TableColumn
from services.registry.settings import Settings
from services.registry.store import assessments, exports, maps, search, vintages
from services.registry.store.assessments import WantedAssessments
from services.registry.store.exports import Export
from services.registry.store.search import Search
from services.registry.store.tablefiles import TableFile, open_table
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.ids import new_id
from shared.kernel.region import full_name
from shared.platform.database import Database, Transaction
from shared.platform.jobs import Work, start_job

BATCH: Final = 10_000
MOST_SHEET_ROWS: Final = 1_000_000
Row = Sequence[Any]
#: Rows behind a place, and the place of the last one; None at the end.
Page = tuple[list[Row], Any]


@dataclass(frozen=True, slots=True)
class Source:
    """What can be exported: its columns, and how to read it page by page."""

    columns: tuple[TableColumn, ...]
    page: Callable[[Transaction, dict[str, Any], Any], Awaitable[Page]]


async def _enterprises(tx: Transaction, params: dict[str, Any], after: Any) -> Page:
    wanted = msgspec.convert(params, Search)
    found = await search.find(tx, wanted, after=after, limit=BATCH - 1)
    rows: list[Row] = [
        (
            each.uscc, each.name, each.region_code, full_name(each.region_code),
            each.registered_address, each.business_address, each.industry_code, each.has_loan,
            each.stage, each.founded_on, each.employees, each.list_vintage,
        )
        for each in found
    ]  # fmt: skip
    return rows, found[-1].uscc if len(found) == BATCH else None


async def _assessments(tx: Transaction, params: dict[str, Any], after: Any) -> Page:
    wanted = WantedAssessments(**params, after=after, limit=BATCH - 1)
    found = await assessments.find_assessments(tx, wanted)
    rows: list[Row] = [
        (
            each.uscc, each.name, full_name(each.region_code), each.verdict, each.points_low,
            each.points_high, each.phase, each.stage, each.version, each.judged_on,
        )
        for each in found
    ]  # fmt: skip
    return rows, found[-1].enterprise_id if len(found) == BATCH else None


async def _differences(tx: Transaction, params: dict[str, Any], after: Any) -> Page:
    found = await vintages.differences(
        tx,
        params["newer"],
        params["older"],
        changes=("new", "dropped", "changed"),
        after=after,
        limit=BATCH - 1,
    )
    rows: list[Row] = [
        (each.uscc, each.name, each.change, "、".join(each.fields)) for each in found
    ]
    return rows, found[-1].enterprise_id if len(found) == BATCH else None


async def _map(tx: Transaction, params: dict[str, Any], after: Any) -> Page:
    found = await maps.entries(tx, params["edition"], region=None, after=after, limit=BATCH - 1)
    rows: list[Row] = [
        (
            each.uscc, each.name, full_name(each.region_code), each.industry_code, each.listed,
            each.high_tech, each.longitude_e6, each.latitude_e6, each.precision,
        )
        for each in found
    ]  # fmt: skip
    return rows, found[-1].enterprise_id if len(found) == BATCH else None


_NAME = (TableColumn("uscc", "统一社会信用代码"), TableColumn("name", "企业名称"))
SOURCES: Final[dict[str, Source]] = {
    "enterprises": Source(
        (
            *_NAME,
            TableColumn("region_code", "行政区划代码"),
            TableColumn("region_name", "所在区县"),
            TableColumn("registered_address", "注册地址"),
            TableColumn("business_address", "经营地址"),
            TableColumn("industry_code", "行业代码"),
            TableColumn("has_loan", "是否有贷款", "flag"),
            TableColumn("stage", "生命周期阶段"),
            TableColumn("founded_on", "成立日期", "date"),
            TableColumn("employees", "职工人数", "number"),
            TableColumn("list_vintage", "最近名单"),
        ),
        _enterprises,
    ),
    "assessments": Source(
        (
            *_NAME,
            TableColumn("region_name", "所在区县"),
            TableColumn("verdict", "结果"),
            TableColumn("points_low", "最低得分", "number"),
            TableColumn("points_high", "最高得分", "number"),
            TableColumn("phase", "所属期"),
            TableColumn("stage", "阶段"),
            TableColumn("version", "标准版本"),
            TableColumn("judged_on", "评价日期", "date"),
        ),
        _assessments,
    ),
    "map": Source(
        (
            *_NAME,
            TableColumn("region_name", "所在区县"),
            TableColumn("industry_code", "行业代码"),
            TableColumn("listed", "在名单内", "flag"),
            TableColumn("high_tech", "高新技术企业", "flag"),
            TableColumn("longitude_e6", "经度(百万分之一度)", "number"),
            TableColumn("latitude_e6", "纬度(百万分之一度)", "number"),
            TableColumn("precision", "坐标精度"),
        ),
        _map,
    ),
    "differences": Source(
        (*_NAME, TableColumn("change", "变化"), TableColumn("fields", "变更的栏目")),
        _differences,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StartExport:
    """Make a file of a source; `params` are the source's filters."""

    what: str
    format: Format
    params: Mapping[str, Any]
    purpose: str


async def start_export(command: StartExport, tx: Transaction) -> Export:
    """Queue an export; who asks, for what purpose, is kept."""
    export_id = new_id()
    job_id = await start_job(tx, "export", {"export_id": str(export_id)})
    asker = msgspec.to_builtins(tx.principal)
    new = Export(
        export_id, command.what, command.format, dict(command.params), command.purpose.strip(),
        asker, job_id, tx.now, None, None,
    )  # fmt: skip
    await exports.insert_export(tx, new)
    tx.audit(
        "export.started",
        export_id,
        after={"what": command.what, "format": command.format, "purpose": new.purpose}
        | {"params": new.params},
    )
    return new


async def find_export(tx: Transaction, export_id: UUID) -> Export:
    """An export: one's own, or any for who sees all.

    Raises: NotFound `export.unknown`.
    """
    found = await exports.find_export(tx, export_id)
    if found is None or not (
        tx.principal.sees_all or found.principal().account_id == tx.principal.account_id
    ):
        raise NotFound("export.unknown", "没有这次导出")
    return found


async def file_of_export(tx: Transaction, export_id: UUID, folder: Path) -> Path:
    """The finished file.

    Raises: NotFound `export.unknown`; Conflict `export.not_finished`, `export.failed`.
    """
    found = await find_export(tx, export_id)
    if found.state == "failed":
        raise Conflict("export.failed", "导出没有完成,请重新导出", found.error or "")
    path = exports.file_of(folder, found)
    if found.rows is None or not await asyncio.to_thread(path.exists):
        raise Conflict("export.not_finished", "文件尚未生成,请稍后再取")
    return path


async def run_export(work: Work) -> dict[str, Any]:
    """Write the file as its asker would see it, then put it in place whole."""
    export_id = UUID(work.params["export_id"])
    async with work.transaction() as tx:
        export = await exports.find_export(tx, export_id)
    if export is None:
        raise NotFound("export.unknown", "没有这次导出")
    source, path = SOURCES[export.what], exports.file_of(work.settings.upload_dir, export)
    part = path.with_suffix(".part")
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    table = await asyncio.to_thread(open_table, part, source.columns, export.format)
    rows = await _write_pages(work, export, source, table)
    await asyncio.to_thread(table.close)
    await asyncio.to_thread(part.replace, path)
    async with work.database.transaction(export.principal()) as tx:
        await exports.finish_export(tx, export_id, rows)
        tx.audit("export.made", export_id, after={"what": export.what, "rows": rows})
    return {"export_id": str(export_id), "rows": rows}


async def _write_pages(work: Work, export: Export, source: Source, table: TableFile) -> int:
    rows, after = 0, None
    while True:
        async with work.database.read(export.principal()) as tx:
            page, after = await source.page(tx, export.params, after)
        rows += len(page)
        if export.format == "xlsx" and rows > MOST_SHEET_ROWS:
            raise Conflict("export.too_many_rows", "行数超出表格文件上限", "请改用 csv 或 parquet")
        await asyncio.to_thread(table.write, page)
        if after is None:
            return rows
        await work.progress(0.5, f"已写出 {rows} 行")


async def remove_old_exports(database: Database, settings: Settings) -> int:
    """Remove the files of exports whose rows are past their time: nobody can fetch them."""
    folder = settings.upload_dir / "exports"
    files = await asyncio.to_thread(lambda: list(folder.glob("*.*")))
    async with database.read() as tx:
        kept = await exports.known_exports(tx, sorted({path.stem for path in files}))
    old = [path for path in files if path.stem not in kept]
    for path in old:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    return len(old)


def params_of(wanted: Search) -> dict[str, Any]:
    """A search as an export keeps it."""
    kept: dict[str, Any] = msgspec.to_builtins(wanted)
    return kept

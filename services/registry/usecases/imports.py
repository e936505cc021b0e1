"""Start an import, watch it, look at its rows and fetch its report."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from services.registry.domain.columns import FORMS
from services.registry.domain.records import Kind
from services.registry.settings import Settings
from services.registry.store import imports as store
from services.registry.store.files import opened
from services.registry.store.imports import Counts, Import, RowOutcome
from services.registry.usecases.importing import checking
from shared.kernel.errors import BadInput, Conflict, NotFound, Refused
from shared.kernel.ids import new_id
from shared.platform.database import Database, Transaction
from shared.platform.jobs import start_job
from shared.platform.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class StartImport:
    """Import a stored file. Without `valid_from`, changes of banks are valid from today."""

    kind: Kind
    file_name: str
    digest: str
    list_vintage: str | None
    valid_from: date | None
    dry_run: bool
    sheet: str
    mapping: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Started:
    """A queued import and its job."""

    import_id: UUID
    job_id: UUID


@dataclass(frozen=True, slots=True)
class ImportState:
    """An import with the sum of what its chunks brought."""

    job: Import
    counts: Counts


async def start_import(command: StartImport, tx: Transaction) -> Started:
    """Queue an import. A bank's head office may bring its own outlets and staff.

    Raises: Refused `access.role`; BadInput `import.vintage_missing`, `import.vintage_format`,
    `import.vintage_in_future`, `import.date_in_future`.
    """
    principal = tx.principal
    check_may_import(principal, command.kind)
    vintage = _vintage(command, tx.today) if command.kind == "enterprises" else None
    if command.valid_from and command.valid_from > tx.today:
        raise BadInput("import.date_in_future", "生效日期不能晚于今天")
    import_id = new_id()
    job_id = await start_job(tx, "import", {"import_id": str(import_id)})
    await store.insert_import(
        tx,
        Import(
            import_id=import_id, kind=command.kind, file_name=command.file_name[:200],
            digest=command.digest, suffix=Path(command.file_name).suffix.lower()[:8],
            sheet=command.sheet, list_vintage=vintage,
            valid_from=command.valid_from or tx.today, dry_run=command.dry_run,
            account_id=principal.account_id, role=principal.role,
            institution_id=principal.institution_id, job_id=job_id, state="queued", baseline=None,
            sheet_read=None, columns=None, rows=None, blank=0, skipped=None, dropped=None,
            error=None, created_at=tx.now, finished_at=None, mapping=_mapping(command),
        ),
    )  # fmt: skip
    tx.audit("import.started", import_id, after={"kind": command.kind, "digest": command.digest})
    return Started(import_id, job_id)


def _mapping(command: StartImport) -> str:
    """What a clerk said of columns, as it is kept.

    Raises: BadInput `import.mapping_unknown`.
    """
    known = {""} | {column.field for column in FORMS[command.kind].columns}
    if wrong := set(command.mapping.values()) - known:
        raise BadInput("import.mapping_unknown", "没有这个栏目", "、".join(sorted(wrong))[:80])
    return msgspec.json.encode(command.mapping).decode() if command.mapping else ""


def _vintage(command: StartImport, today: date) -> str:
    if not command.list_vintage:
        raise BadInput("import.vintage_missing", "缺少名单日期", "请填写 list_vintage")
    try:
        day = date.fromisoformat(command.list_vintage)
    except ValueError as error:
        raise BadInput("import.vintage_format", "名单日期格式不正确") from error
    if day > today:
        raise BadInput("import.vintage_in_future", "名单日期不能晚于今天")
    return day.isoformat()


def check_may_import(principal: Principal, kind: str) -> None:
    """Refuse early, before a file is stored, whoever may not import at all.

    Raises: Refused `access.role`.
    """
    if principal.sees_all or (principal.role == "bank_head" and kind in ("outlets", "staff")):
        return
    raise Refused("access.role", "当前账号没有此项权限", "导入名单由省级监管账号办理")


async def find_import(tx: Transaction, import_id: UUID) -> ImportState:
    """An import: the regulator's all, a bank's own.

    Raises: NotFound `import.unknown`.
    """
    job = await store.find_import(tx, import_id)
    if job is None or not _may_see(tx.principal, job):
        raise NotFound("import.unknown", "没有这次导入")
    (counts,) = await store.counts_of(tx, import_id)
    return ImportState(job, counts)


def _may_see(principal: Principal, job: Import) -> bool:
    if principal.sees_all:
        return True
    return principal.role == "bank_head" and job.institution_id == principal.institution_id


async def list_imports(tx: Transaction, before: datetime | None, limit: int) -> list[ImportState]:
    """Imports, the newest first."""
    principal = tx.principal
    found = await store.list_imports(
        tx,
        institution_id=None if principal.sees_all else principal.institution_id,
        before=before,
        limit=limit,
    )
    counts = await store.counts_of(tx, *(job.import_id for job in found))
    return [ImportState(job, each) for job, each in zip(found, counts, strict=True)]


async def rows_of_import(
    tx: Transaction, import_id: UUID, outcome: str | None, after: int, limit: int
) -> list[RowOutcome]:
    """Outcomes of rows.

    Raises: NotFound `import.unknown`.
    """
    await find_import(tx, import_id)
    return await store.rows_of(tx, import_id, outcome=outcome, after=after, limit=limit)


async def outcomes_for_report(
    tx: Transaction, import_id: UUID
) -> tuple[Import, dict[int, tuple[str, str]]]:
    """An import that is through, with every row's outcome as text.

    Raises: NotFound `import.unknown`; Conflict `import.not_finished`, `import.failed`.
    """
    job = (await find_import(tx, import_id)).job
    if job.state == "failed":
        raise Conflict(
            "import.failed", "文件未能读取,没有结果表", (job.error or {}).get("title", "")
        )
    if job.state not in ("done", "checked"):
        raise Conflict("import.not_finished", "导入尚未完成,请稍后再取结果表")
    return job, await store.all_outcomes(tx, import_id)


async def make_report(
    database: Database, settings: Settings, job: Import, outcomes: dict[int, tuple[str, str]]
) -> Path:
    """Write the report in the checking process; the caller removes the folder it lies in.

    Raises: Conflict `file.gone`, `import.report_failed`.
    """
    folder = Path(tempfile.mkdtemp(prefix="report-", dir=settings.upload_dir))
    out = folder / "report.xlsx"
    try:
        async with (
            opened(database, settings.upload_dir, job.digest) as content,
            checking(settings, "report", job, content, str(out)) as process,
        ):
            await process.communicate(msgspec.msgpack.encode(outcomes))
        if process.returncode or not await asyncio.to_thread(out.exists):
            raise Conflict("import.report_failed", "结果表未能生成,请稍后重试")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return out

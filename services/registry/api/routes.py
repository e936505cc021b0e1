"""The registry's routes."""

import shutil
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from services.registry.api.form_schemas import FormList, FormOut
from services.registry.api.paging import id_in
from services.registry.api.schemas import (
    ChangeIn,
    EnterpriseFileOut,
    EnterpriseOut,
    EnterprisePage,
    ImportOut,
    ImportPage,
    InstitutionOut,
    InstitutionPage,
    OutletOut,
    OutletPage,
    RegionList,
    RegionOut,
    RowOut,
    RowPage,
    StaffOut,
    StaffPage,
    StartedOut,
)
from services.registry.domain.columns import FORMS
from services.registry.domain.records import Kind
from services.registry.settings import Settings
from services.registry.store import queries
from services.registry.store.files import keep
from services.registry.store.queries import Wanted
from services.registry.usecases import enterprises, imports
from services.registry.usecases.enterprises import ChangeEnterprise
from services.registry.usecases.imports import StartImport
from shared.kernel.errors import BadInput
from shared.kernel.region import regions
from shared.platform.access import may
from shared.platform.web import (
    Run,
    decode_cursor,
    etag,
    expected_version,
    page_of,
    to_json,
)

router = APIRouter(tags=["registry"])
Limit = Annotated[int, Query(ge=1, le=500)]
RegionQuery = Annotated[str | None, Query(pattern=r"^\d{6}$")]
MAX_IDS = 200


@router.post(
    "/imports",
    status_code=202,
    response_model=StartedOut,
    dependencies=[may("list_import", "create")],
)
async def post_import(
    *,
    run: Run,
    file: Annotated[UploadFile, File()],
    kind: Annotated[Kind, Form()],
    list_vintage: Annotated[str | None, Form()] = None,
    valid_from: Annotated[date | None, Form()] = None,
    dry_run: Annotated[bool, Form()] = False,
    sheet: Annotated[str, Form(max_length=64)] = "",
    mapping: Annotated[str, Form(max_length=4_000)] = "",
) -> Response:
    """导入名单、机构、网点或人员(.xlsx、.xls 或 .csv);dry_run 只核对不入库。

    mapping 为 {"表头": "栏目"} 的 JSON,用于纠正列的对应;栏目为空表示不读这一列。
    """
    imports.check_may_import(run.principal, kind)
    settings: Settings = run.settings
    digest = await keep(
        run.database, file, settings.upload_dir, most_bytes=settings.max_upload_bytes
    )
    command = StartImport(
        kind=kind,
        file_name=file.filename or "",
        digest=digest,
        list_vintage=list_vintage,
        valid_from=valid_from,
        dry_run=dry_run,
        sheet=sheet,
        mapping=_mapping(mapping),
    )
    asked = (digest, kind, list_vintage, str(valid_from), dry_run, sheet, mapping)
    return await run(
        imports.start_import,
        command,
        answer=StartedOut.of,
        status=202,
        fingerprint=to_json(asked),
    )


@router.get("/import-forms", dependencies=[may("list_import", "read")])
async def get_import_forms(_run: Run) -> FormList:
    """可导入的文件种类及各自的栏目;纠正列的对应时从中选取。"""
    return FormList(items=[FormOut.of(form) for form in FORMS.values()])


@router.get("/imports", dependencies=[may("list_import", "read")])
async def get_imports(run: Run, cursor: str | None = None, limit: Limit = 50) -> ImportPage:
    """导入记录,新的在前。"""
    place = decode_cursor(cursor, datetime)
    before = place[0] if place else None
    found = await run.read(imports.list_imports, before, limit + 1)
    items, following = page_of(found, limit, lambda each: (each.job.created_at.isoformat(),))
    return ImportPage(items=[ImportOut.of(each) for each in items], next_cursor=following)


@router.get("/imports/{import_id}", dependencies=[may("list_import", "read")])
async def get_import(import_id: UUID, run: Run) -> ImportOut:
    """一次导入的进度与结果。"""
    return ImportOut.of(await run.read(imports.find_import, import_id))


@router.get("/imports/{import_id}/rows", dependencies=[may("list_import", "read")])
async def get_import_rows(
    import_id: UUID,
    run: Run,
    outcome: Literal["taken", "refused", "doubtful"] | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> RowPage:
    """逐行结果及原因。"""
    place = decode_cursor(cursor, int)
    after = place[0] if place else 0
    found = await run.read(imports.rows_of_import, import_id, outcome, after, limit + 1)
    items, following = page_of(found, limit, lambda each: (each.row,))
    return RowPage(items=[RowOut.of(each) for each in items], next_cursor=following)


@router.get(
    "/imports/{import_id}/report.xlsx",
    response_class=FileResponse,
    dependencies=[may("list_import", "read")],
)
async def get_import_report(import_id: UUID, run: Run) -> FileResponse:
    """原表加“结果”“原因”两列。"""
    job, outcomes = await run.read(imports.outcomes_for_report, import_id)
    path = await imports.make_report(run.database, run.settings, job, outcomes)
    return FileResponse(
        path,
        media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        filename=f"import-{import_id}.xlsx",
        background=BackgroundTask(shutil.rmtree, path.parent, ignore_errors=True),
    )


@router.get("/enterprises", dependencies=[may("enterprise", "read")])
async def get_enterprises(
    *,
    run: Run,
    q: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    region: RegionQuery = None,
    industry: Annotated[str | None, Query(max_length=4)] = None,
    has_loan: bool | None = None,
    list_vintage: Annotated[str | None, Query(max_length=10)] = None,
    ids: str | None = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> EnterprisePage:
    """企业:按名称片段或信用代码开头查找,按地区、行业、有无贷款筛选。"""
    place = decode_cursor(cursor, str)
    wanted = Wanted(
        q=q.strip() if q else None,
        region=region,
        industry=industry,
        has_loan=has_loan,
        list_vintage=list_vintage,
        ids=_ids(ids) if ids is not None else None,
        after=place[0] if place else None,
        limit=limit,
    )
    found = await run.read(enterprises.find_enterprises, wanted)
    items, following = page_of(found, limit, lambda each: (each.uscc,))
    return EnterprisePage(items=[EnterpriseOut.of(each) for each in items], next_cursor=following)


@router.get(
    "/enterprises/{enterprise_id}",
    response_model=EnterpriseFileOut,
    dependencies=[may("enterprise", "read")],
)
async def get_enterprise(enterprise_id: UUID, run: Run) -> Response:
    """一家企业及其变更历史;ETag 用于变更时的 If-Match。"""
    file = await run.read(enterprises.open_enterprise, enterprise_id)
    body = to_json(EnterpriseFileOut.of_file(file))
    tag = {"etag": etag(file.enterprise.version)}
    return Response(body, media_type="application/json", headers=tag)


@router.patch(
    "/enterprises/{enterprise_id}",
    response_model=EnterpriseFileOut,
    dependencies=[may("enterprise", "update")],
)
async def patch_enterprise(
    enterprise_id: UUID, body: ChangeIn, request: Request, run: Run
) -> Response:
    """登记企业迁移或行业变更:自 valid_from 起生效,以前的统计不变。"""
    command = ChangeEnterprise(
        enterprise_id=enterprise_id,
        expected_version=expected_version(request),
        region_code=body.region_code,
        industry_code=body.industry_code,
        address=body.address,
        valid_from=body.valid_from,
        reason=body.reason,
    )
    return await run(enterprises.change_enterprise, command, answer=EnterpriseFileOut.of_file)


@router.get("/institutions", dependencies=[may("directory", "read")])
async def get_institutions(
    run: Run, cursor: str | None = None, limit: Limit = 500
) -> InstitutionPage:
    """银行机构。"""
    place = decode_cursor(cursor, str)
    after = place[0] if place else None
    found = await run.read(queries.find_institutions, after=after, limit=limit)
    items, following = page_of(found, limit, lambda each: (each.institution_code,))
    shown = [InstitutionOut.model_validate(each) for each in items]
    return InstitutionPage(items=shown, next_cursor=following)


@router.get("/outlets", dependencies=[may("directory", "read")])
async def get_outlets(
    run: Run,
    institution_id: UUID | None = None,
    region: RegionQuery = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> OutletPage:
    """银行网点:银行只看本机构的,分局只看本市的。"""
    found = await run.read(
        queries.find_outlets,
        institution_id=institution_id,
        region=region,
        after=id_in(cursor),
        limit=limit,
    )
    items, following = page_of(found, limit, lambda each: (str(each.outlet_id),))
    return OutletPage(items=[OutletOut.of(each) for each in items], next_cursor=following)


@router.get("/staff", dependencies=[may("directory", "read")])
async def get_staff(
    run: Run,
    institution_id: UUID | None = None,
    outlet_id: UUID | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> StaffPage:
    """在岗的走访人员:银行只看本机构的;他人看到的姓名经过遮盖。"""
    found = await run.read(
        queries.find_staff,
        institution_id=institution_id,
        outlet_id=outlet_id,
        after=id_in(cursor),
        limit=limit,
    )
    items, following = page_of(found, limit, lambda each: (str(each.staff_id),))
    return StaffPage(items=[StaffOut.of(each) for each in items], next_cursor=following)


@router.get("/regions", dependencies=[may("campaign", "read")])
async def get_regions(_run: Run) -> RegionList:
    """行政区划。"""
    return RegionList(items=[RegionOut.of(each) for each in regions()])


def _ids(text: str) -> tuple[UUID, ...]:
    parts = [part for part in text.split(",") if part]
    if len(parts) > MAX_IDS:
        raise BadInput("page.too_many_ids", "一次查询的企业过多", f"最多 {MAX_IDS} 个")
    try:
        return tuple(UUID(part) for part in parts)
    except ValueError as error:
        raise BadInput("page.id_format", "企业标识格式不正确") from error


def _mapping(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise BadInput("import.mapping_format", "列的对应应为 JSON 对象") from error

"""Routes of the search, its facets, and of files made from them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse

from services.registry.api.assessment_schemas import StandardIn, VerdictIn
from services.registry.api.search_schemas import (
    ExportIn,
    ExportOut,
    FacetsOut,
    FoundOut,
    FoundPage,
    LoanStatus,
)
from services.registry.store.search import Search
from services.registry.usecases import exporting, searching
from services.registry.usecases.exporting import StartExport, params_of
from services.registry.usecases.searching import read_search
from shared.platform.access import may
from shared.platform.web import Cursor, Limit, Run, decode_cursor, page_of

router = APIRouter(tags=["search"])
_MEDIA = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def wanted(
    *,
    q: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    region: Annotated[str | None, Query(pattern=r"^\d{6}$")] = None,
    industry: Annotated[str | None, Query(max_length=4)] = None,
    loan: LoanStatus | None = None,
    stage: Annotated[str | None, Query(pattern="^(cocoon|butterfly)$")] = None,
    list_vintage: Annotated[str | None, Query(max_length=10)] = None,
    institution_id: UUID | None = None,
) -> Search:
    """What a caller asks for, the same for results, facets and files."""
    return read_search(
        q,
        industry,
        region=region,
        has_loan={"yes": True, "no": False}.get(loan or ""),
        loan_unknown=loan == "unknown",
        stage=stage,
        list_vintage=list_vintage,
        institution_id=institution_id,
    )


Wanted = Annotated[Search, Depends(wanted)]


@router.get("/search", dependencies=[may("enterprise", "read")])
async def get_search(
    run: Run, search: Wanted, cursor: Cursor = None, limit: Limit = 50
) -> FoundPage:
    """查找企业:名称任意部分、拼音、拼音首字母、信用代码开头,多个词用空格隔开;可按各项筛选。"""
    place = decode_cursor(cursor, str)
    after = place[0] if place else None
    found = await run.read(searching.search, search, after, limit)
    items, following = page_of(found, limit, lambda each: (each.uscc,))
    return FoundPage(items=[FoundOut.of(each) for each in items], next_cursor=following)


@router.get("/search/facets", dependencies=[may("enterprise", "read")])
async def get_facets(run: Run, search: Wanted) -> FacetsOut:
    """同一查找条件下,按地区、行业、有无贷款、阶段、名单、所属机构的企业数。"""
    return FacetsOut.of(await run.read(searching.count_facets, search))


@router.post(
    "/search/exports",
    status_code=202,
    response_model=ExportOut,
    dependencies=[may("enterprise", "export")],
)
async def post_search_export(body: ExportIn, run: Run, search: Wanted) -> Response:
    """把查找结果导出为 xlsx、csv 或 parquet,须写明用途;文件由后台任务生成。"""
    command = StartExport(
        what="enterprises", format=body.format, params=params_of(search), purpose=body.purpose
    )
    return await run(exporting.start_export, command, answer=ExportOut.of, status=202)


@router.post(
    "/assessments/exports",
    status_code=202,
    response_model=ExportOut,
    dependencies=[may("enterprise", "export")],
)
async def post_assessment_export(
    *,
    body: ExportIn,
    run: Run,
    standard: StandardIn,
    verdict: VerdictIn | None = None,
    region: Annotated[str | None, Query(pattern=r"^\d{6}$")] = None,
    list_vintage: Annotated[str | None, Query(max_length=10)] = None,
) -> Response:
    """把评价结果导出为文件,须写明用途。"""
    params = {
        "standard": standard, "verdict": verdict, "region": region, "list_vintage": list_vintage,
    }  # fmt: skip
    command = StartExport(
        what="assessments", format=body.format, params=params, purpose=body.purpose
    )
    return await run(exporting.start_export, command, answer=ExportOut.of, status=202)


@router.get("/exports/{export_id}", dependencies=[may("enterprise", "export")])
async def get_export(export_id: UUID, run: Run) -> ExportOut:
    """一次导出的状态。"""
    return ExportOut.of(await run.read(exporting.find_export, export_id))


@router.get(
    "/exports/{export_id}/file",
    response_class=FileResponse,
    dependencies=[may("enterprise", "export")],
)
async def get_export_file(export_id: UUID, run: Run) -> FileResponse:
    """取回导出的文件。"""
    path = await run.read(exporting.file_of_export, export_id, run.settings.upload_dir)
    form = path.suffix.removeprefix(".")
    return FileResponse(path, media_type=_MEDIA[form], filename=f"{export_id}.{form}")

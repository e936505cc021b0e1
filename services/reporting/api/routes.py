"""HTTP of reporting: figures, what is behind them, coverage, bulletins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.reporting.api import schemas as s
from services.reporting.api.workbook import XLSX, workbook
from services.reporting.domain.figures import BY_CODE, Metric
from services.reporting.domain.question import Axes, Level
from services.reporting.store.figures import Swapped
from services.reporting.usecases import (
    PublishBulletin,
    Table,
    Wanted,
    find_bulletin,
    list_bulletins,
    plain,
    publish_bulletin,
    show_coverage,
    show_enterprises,
    show_events,
    show_figures,
    show_lag,
    version_of,
)
from shared.kernel.errors import BadInput, Conflict
from shared.kernel.periods import Quarter, end_of_day
from shared.platform.access import may
from shared.platform.approvals import Approval
from shared.platform.database import Transaction
from shared.platform.web import (
    Cursor,
    Limit,
    Run,
    Runner,
    decode_cursor,
    encode_cursor,
    etag,
    page_of,
    to_json,
)

router = APIRouter(tags=["reporting"])
RegionCode = Annotated[str | None, Query(pattern=r"^\d{6}$", description="省、市或县区代码")]


def wanted(
    *,
    campaign_id: UUID,
    quarter: Annotated[str, Query(examples=["2022Q3"])],
    region: RegionCode = None,
    institution_id: UUID | None = None,
    known_on: Annotated[date | None, Query(description="截至该日终了时已知")] = None,
    known_at: Annotated[datetime | None, Query(description="截至该时刻已知,须带时区")] = None,
) -> Wanted:
    """The parameters that all questions share."""
    if known_on and known_at:
        raise BadInput("figures.two_cut_offs", "known_on 与 known_at 只能给出一个")
    if known_at and known_at.tzinfo is None:
        raise BadInput("figures.zone_missing", "known_at 须带时区")
    return Wanted(
        campaign_id=campaign_id,
        quarter=Quarter.parse(quarter),
        known_at=end_of_day(known_on) if known_on else known_at,
        region_code=region,
        institution_id=institution_id,
    )


def metric_of(metric: Annotated[str, Query(description="指标代码")]) -> Metric:
    """The metric of a code."""
    if metric not in BY_CODE:
        raise BadInput("figures.metric_unknown", "没有这个指标", metric[:64])
    return BY_CODE[metric]


P = ParamSpec("P")
ResultT = TypeVar("ResultT")


async def look(
    run: Runner,
    query: Callable[Concatenate[Transaction, P], Awaitable[ResultT]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> ResultT:
    """Read; where a rebuild changed the tables meanwhile, read again."""
    for _ in range(3):
        try:
            return await run.read(query, *args, **kwargs)
        except Swapped:
            continue
    raise Conflict("figures.rebuilding", "数据正在切换,请稍后重试", status=503)


Asked = Annotated[Wanted, Depends(wanted)]
Of = Annotated[Metric, Depends(metric_of)]


@router.get("/figures", response_model=s.FiguresOut, dependencies=[may("figure", "read")])
async def get_figures(
    request: Request, run: Run, asked: Asked, by: Axes = "region", level: Level = "city"
) -> Response:
    """Figures of a quarter by region, institution or both, as known now or at an earlier time."""

    async def answer(tx: Transaction) -> tuple[str, Table | None]:
        version = etag(await version_of(tx, str(request.query_params)))
        if version in _known_versions(request):
            return version, None
        return version, await show_figures(tx, asked, by, level)

    version, table = await look(run, answer)
    headers = {"etag": version, "cache-control": "private, no-cache"}
    if table is None:
        return Response(status_code=304, headers=headers)
    return Response(to_json(s.FiguresOut.of(table)), media_type="application/json", headers=headers)


def _known_versions(request: Request) -> set[str]:
    given = request.headers.get("if-none-match", "")
    return {each.strip().removeprefix("W/") for each in given.split(",")}


@router.get("/figures/definitions", dependencies=[may("figure", "read")])
async def get_definitions(run: Run) -> list[s.MetricOut]:
    """What each metric means, and the rules it follows."""
    del run  # signed in is enough
    return s.definitions()


@router.get("/figures/enterprises", dependencies=[may("figure", "read")])
async def get_enterprises(
    run: Run, asked: Asked, metric: Of, cursor: Cursor = None, limit: Limit = 100
) -> s.EnterprisesOut:
    """The enterprises behind one number, each once."""
    after = decode_cursor(cursor, UUID)
    parts, whole, names = await look(
        run, show_enterprises, asked, metric, after[0] if after else None, limit
    )
    page, following = page_of(parts, limit, lambda part: (str(part.enterprise_id),))
    return s.EnterprisesOut.of(page, following, whole, metric, names)


@router.get("/figures/events", dependencies=[may("figure", "read")])
async def get_events(run: Run, asked: Asked, metric: Of, enterprise_id: UUID) -> s.EventsOut:
    """The events behind one enterprise's part in a number: who said it, and when."""
    causes, names = await look(run, show_events, asked, metric, enterprise_id)
    return s.EventsOut(items=[s.EventPart.of(cause, metric, names) for cause in causes])


@router.get("/coverage", dependencies=[may("figure", "read")])
async def get_coverage(
    run: Run,
    campaign_id: UUID,
    by: Axes = "region",
    level: Level = "city",
    region: RegionCode = None,
) -> s.CoverageOut:
    """Visit coverage as of today."""
    lines, total, known_at = await look(run, show_coverage, campaign_id, by, level, region)
    return s.CoverageOut(
        known_at=s.local(known_at),
        rows=[s.CoverageRow.of(line) for line in lines],
        total=s.CoverageRow.of(total),
    )


@router.post(
    "/bulletins",
    status_code=201,
    response_model=s.BulletinHead,
    dependencies=[may("bulletin", "create")],
)
async def post_bulletin(body: s.BulletinIn, run: Run, approval: Approval) -> Response:
    """Publish the next edition of a quarter's bulletin; it never changes afterwards.

    Another regulator agrees first (identity's `/approvals`, action `bulletin.publish`, subject
    `<campaign>.<quarter>`); the approval's id comes along in `X-Approval`.
    """
    if body.known_at and body.known_at.tzinfo is None:
        raise BadInput("figures.zone_missing", "known_at 须带时区")
    command = PublishBulletin(
        campaign_id=body.campaign_id,
        quarter=Quarter.parse(body.quarter),
        known_at=body.known_at,
        reason=body.reason,
        approval=approval,
    )
    return await run(publish_bulletin, command, answer=s.BulletinHead.of, status=201)


@router.get("/bulletins", dependencies=[may("bulletin", "read")])
async def get_bulletins(
    run: Run, campaign_id: UUID | None = None, cursor: Cursor = None, limit: Limit = 100
) -> s.BulletinsOut:
    """Published editions, newest first."""
    before = decode_cursor(cursor, datetime)
    found = await run.read(list_bulletins, campaign_id, before[0] if before else None, limit)
    page = found[:limit]
    following = encode_cursor(page[-1].created_at.isoformat()) if len(found) > limit else None
    return s.BulletinsOut(items=[s.BulletinHead.of(kept) for kept in page], next_cursor=following)


@router.get("/bulletins/{bulletin_id}", dependencies=[may("bulletin", "read")])
async def get_bulletin(bulletin_id: UUID, run: Run) -> s.BulletinOut:
    """One edition, word for word as published."""
    return s.BulletinOut.whole(await run.read(find_bulletin, bulletin_id))


@router.get(
    "/bulletins/{bulletin_id}/file.xlsx",
    response_class=Response,
    dependencies=[may("bulletin", "export")],
)
async def get_bulletin_file(bulletin_id: UUID, run: Run) -> Response:
    """The edition as a workbook, made from its frozen content."""
    kept = await run.read(find_bulletin, bulletin_id)
    name = f"bulletin-{kept.quarter}-{kept.edition}.xlsx"
    return Response(
        workbook(plain(kept), sha256=kept.sha256, created_at=kept.created_at),
        media_type=XLSX,
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


@router.get("/lag", dependencies=[may("figure", "read")])
async def get_lag(run: Run) -> s.LagOut:
    """How far behind the figures are."""
    felt = await run.read(show_lag)
    return s.LagOut(lag_ms=felt.lag_ms, known_at=s.local(felt.newest_at))

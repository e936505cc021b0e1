"""Routes of the industry map's editions."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.registry.api.paging import id_in
from services.registry.api.search_schemas import ExportIn, ExportOut
from services.registry.store.maps import Changed, Edition, Entry
from services.registry.usecases import exporting, maps
from services.registry.usecases.exporting import StartExport
from services.registry.usecases.maps import IssueMap
from shared.kernel.industry import industry
from shared.kernel.region import full_name
from shared.platform.access import may
from shared.platform.web import Cursor, In, Limit, Out, Run, page_of

router = APIRouter(tags=["map"])
RegionQuery = Annotated[str | None, Query(pattern=r"^\d{6}$")]
IndustryQuery = Annotated[str | None, Query(max_length=4)]


class IssueIn(In):
    """An edition on a list."""

    title: str = Field(min_length=1, max_length=100)
    list_vintage: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class EditionOut(Out):
    """An issued edition; it never changes."""

    edition: int
    title: str
    list_vintage: str
    issued_on: date
    enterprises: int

    @classmethod
    def of(cls, edition: Edition) -> "EditionOut":
        return cls.model_validate(edition)


class EditionList(Out):
    """Editions, the newest first."""

    items: list[EditionOut]
    next_cursor: None = None


class MapCellOut(Out):
    """A county's enterprises of an industry."""

    region_code: str
    region_name: str
    industry_code: str | None
    industry_name: str | None
    enterprises: int
    listed: int
    high_tech: int


class MapTable(Out):
    """The map as a table."""

    items: list[MapCellOut]
    next_cursor: None = None


class EntryOut(Out):
    """An enterprise on the map; WGS-84 degrees, `precision` says how good they are."""

    enterprise_id: UUID
    uscc: str
    name: str
    region_code: str
    industry_code: str | None
    longitude: float
    latitude: float
    precision: str
    listed: bool
    high_tech: bool

    @classmethod
    def of(cls, entry: Entry) -> "EntryOut":
        shown = {name: getattr(entry, name) for name in Entry.__slots__}
        point = {"longitude": entry.longitude_e6 / 1e6, "latitude": entry.latitude_e6 / 1e6}
        return cls.model_validate(shown | point)


class EntryPage(Out):
    """Enterprises by id."""

    items: list[EntryOut]
    next_cursor: str | None


class SinceLastOut(Out):
    """What changed from the edition before: new, gone, moved, industry, standing."""

    older: int | None
    counts: dict[str, int]


class ChangedOut(Out):
    """An enterprise that stands otherwise than in the edition before."""

    enterprise_id: UUID
    uscc: str
    name: str
    change: str
    region_before: str | None
    region_after: str | None
    industry_before: str | None
    industry_after: str | None

    @classmethod
    def of(cls, changed: Changed) -> "ChangedOut":
        return cls.model_validate(changed)


class ChangedPage(Out):
    """Enterprises by id."""

    items: list[ChangedOut]
    next_cursor: str | None


@router.post(
    "/map-editions",
    status_code=201,
    response_model=EditionOut,
    dependencies=[may("industry_map", "create")],
)
async def post_map_edition(body: IssueIn, run: Run) -> Response:
    """发布一期产业地图:某期名单上的科技型中小企业与持证高新技术企业,发布后不变。"""
    command = IssueMap(title=body.title, list_vintage=body.list_vintage)
    return await run(maps.issue_map, command, answer=EditionOut.of, status=201)


@router.get("/map-editions", dependencies=[may("industry_map", "read")])
async def get_map_editions(run: Run) -> EditionList:
    """历期产业地图,新的在前。"""
    found = await run.read(maps.list_editions)
    return EditionList(items=[EditionOut.of(each) for each in found])


@router.get("/map-editions/{edition}/table", dependencies=[may("industry_map", "read")])
async def get_map_table(
    edition: int, run: Run, region: RegionQuery = None, industry_code: IndustryQuery = None
) -> MapTable:
    """按区县和行业的户数表。"""
    cells = await run.read(maps.table_of, edition, region, industry_code)
    items = [
        MapCellOut(
            region_code=cell.region_code,
            region_name=full_name(cell.region_code),
            industry_code=cell.industry_code,
            industry_name=industry(cell.industry_code).name if cell.industry_code else None,
            enterprises=cell.enterprises,
            listed=cell.listed,
            high_tech=cell.high_tech,
        )
        for cell in cells
    ]
    return MapTable(items=items)


@router.get("/map-editions/{edition}/geojson", dependencies=[may("industry_map", "read")])
async def get_map_geojson(
    edition: int, run: Run, region: RegionQuery = None, industry_code: IndustryQuery = None
) -> dict[str, Any]:
    """地图页面数据(GeoJSON):每个区县一个点及其分行业户数。"""
    return maps.geojson(await run.read(maps.table_of, edition, region, industry_code))


@router.get("/map-editions/{edition}/enterprises", dependencies=[may("industry_map", "read")])
async def get_map_enterprises(
    edition: int, run: Run, region: RegionQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> EntryPage:
    """图上的企业:银行只看本机构负责的。"""
    after = id_in(cursor)
    found = await run.read(maps.entries_of, edition, region, after, limit)
    items, following = page_of(found, limit, lambda each: (str(each.enterprise_id),))
    return EntryPage(items=[EntryOut.of(each) for each in items], next_cursor=following)


@router.get("/map-editions/{edition}/changes", dependencies=[may("industry_map", "read")])
async def get_map_changes(edition: int, run: Run) -> SinceLastOut:
    """与上一期相比的变化户数。"""
    return SinceLastOut.model_validate(await run.read(maps.count_changes, edition))


@router.get(
    "/map-editions/{edition}/changes/enterprises", dependencies=[may("industry_map", "read")]
)
async def get_map_changed_enterprises(
    edition: int, run: Run, cursor: Cursor = None, limit: Limit = 100
) -> ChangedPage:
    """与上一期相比有变化的企业。"""
    after = id_in(cursor)
    found = await run.read(maps.changes_of, edition, after, limit)
    items, following = page_of(found, limit, lambda each: (str(each.enterprise_id),))
    return ChangedPage(items=[ChangedOut.of(each) for each in items], next_cursor=following)


@router.post(
    "/map-editions/{edition}/exports",
    status_code=202,
    response_model=ExportOut,
    dependencies=[may("enterprise", "export")],
)
async def post_map_export(edition: int, body: ExportIn, run: Run) -> Response:
    """把一期产业地图的企业导出为文件,须写明用途。"""
    command = StartExport(
        what="map", format=body.format, params={"edition": edition}, purpose=body.purpose
    )
    return await run(exporting.start_export, command, answer=ExportOut.of, status=202)

"""The industry map: issue an edition, and look at any one: table, points, what changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.registry.store import maps as store
from services.registry.store import vintages
from services.registry.store.maps import Cell, Changed, Edition, Entry
from services.registry.usecases.searching import divisions
from shared.kernel.errors import NotFound
from shared.kernel.region import region
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueMap:
    """An edition of the map on a list."""

    title: str
    list_vintage: str


async def issue_map(command: IssueMap, tx: Transaction) -> Edition:
    """Issue the next edition: listed tech SMEs and certified high-tech enterprises (JL-30).

    Raises: NotFound `list.unknown`.
    """
    known = {each.list_vintage for each in await vintages.vintages(tx)}
    if command.list_vintage not in known:
        raise NotFound("list.unknown", "没有这一期名单")
    new = await store.issue(tx, command.title.strip(), command.list_vintage)
    tx.audit("map.issued", str(new.edition), after={"enterprises": new.enterprises})
    return new


async def list_editions(tx: Transaction) -> list[Edition]:
    """All editions, the newest first."""
    return await store.editions(tx)


async def _edition(tx: Transaction, number: int) -> tuple[Edition, Edition | None]:
    """An edition and the one before it."""
    known = await store.editions(tx)
    found = next((each for each in known if each.edition == number), None)
    if found is None:
        raise NotFound("map.unknown", "没有这一期产业地图")
    return found, next((each for each in known if each.edition < number), None)


async def table_of(
    tx: Transaction, number: int, region_code: str | None, industry_code: str | None
) -> list[Cell]:
    """Counts by county and industry.

    Raises: NotFound `map.unknown`; BadInput `industry.unknown`.
    """
    await _edition(tx, number)
    codes = tuple(divisions(industry_code)) if industry_code else None
    return await store.table(tx, number, _below(region_code), codes)


async def entries_of(
    tx: Transaction, number: int, region_code: str | None, after: UUID | None, limit: int
) -> list[Entry]:
    """Enterprises on the map.

    Raises: NotFound `map.unknown`.
    """
    await _edition(tx, number)
    return await store.entries(tx, number, region=_below(region_code), after=after, limit=limit)


@dataclass(frozen=True, slots=True)
class SinceLast:
    """What changed from the edition before; no edition before: everyone is new."""

    older: int | None
    counts: dict[str, int]


async def count_changes(tx: Transaction, number: int) -> SinceLast:
    """How many came, went, moved or changed since the last edition.

    Raises: NotFound `map.unknown`.
    """
    _, before = await _edition(tx, number)
    older = before.edition if before else 0
    counts = await store.count_changes(tx, number, older)
    return SinceLast(before.edition if before else None, counts)


async def changes_of(tx: Transaction, number: int, after: UUID | None, limit: int) -> list[Changed]:
    """Those behind the counts.

    Raises: NotFound `map.unknown`.
    """
    _, before = await _edition(tx, number)
    return await store.changes(
        tx, number, before.edition if before else 0, after=after, limit=limit
    )


def geojson(cells: Iterable[Cell]) -> dict[str, Any]:
    """A point per county with its counts by industry, for a map page: no enterprise is named."""
    counties: dict[str, dict[str, Any]] = {}
    for cell in cells:
        here = counties.setdefault(
            cell.region_code, {"enterprises": 0, "listed": 0, "high_tech": 0, "industries": {}}
        )
        here["enterprises"] += cell.enterprises
        here["listed"] += cell.listed
        here["high_tech"] += cell.high_tech
        here["industries"][cell.industry_code or ""] = cell.enterprises
    return {
        "type": "FeatureCollection",
        "features": [_feature(code, counts) for code, counts in counties.items()],
    }


def _feature(code: str, counts: dict[str, Any]) -> dict[str, Any]:
    here = region(code)
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [here.lon, here.lat]},
        "properties": {"region_code": code, "region_name": here.name} | counts,
    }


def _below(code: str | None) -> str | None:
    if code is None:
        return None
    return (code.removesuffix("0000") if code.endswith("0000") else code.removesuffix("00")) + "%"

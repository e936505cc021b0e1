"""Where a row's enterprise or outlet lies, and how sure that is (JS-06)."""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple

from services.registry.domain.cells import Cell, Wrong, degrees_e6_of, text_of
from services.registry.domain.reasons import reason
from services.registry.domain.records import Reason
from shared.kernel.coordinates import Datum, to_wgs84
from shared.kernel.errors import BadInput
from shared.kernel.region import Resolved, cities_of, county, region, resolve_address

Precision = Literal["point", "county", "city"]
_DIGIT: Final = re.compile("[0-9]")
_PROVINCES: Final = ("江苏", "吉林")
_PROVINCE_CODES: Final = ("320000", "220000")
# Micro-degrees: west, east, south, north of the two provinces, each with some room.
_BOXES: Final = (
    (116_000_000, 122_500_000, 30_500_000, 35_500_000),
    (121_300_000, 131_700_000, 40_500_000, 46_700_000),
)
# These say that two readings are possible: a person decides. The others are only noted.
_UNDECIDED: Final = frozenset(
    (
        "address.county_missing",
        "address.ambiguous_county",
        "address.split_district",
        "address.zone_spans_counties",
        "address.other_city_than_hint",
        "address.nothing_recognised",
    )
)
_DATUMS: Final[dict[Datum, tuple[str, ...]]] = {
    "WGS-84": ("WGS84", "GPS", "CGCS2000", "国家2000", "天地图"),
    "GCJ-02": ("GCJ02", "高德", "腾讯", "火星", "国测局"),
    "BD-09": ("BD09", "百度"),
}
OUTSIDE: Final = "address.outside_provinces"


@dataclass(frozen=True, slots=True)
class Place:
    """A county and a point in it, in WGS-84; `notes` are remarks, not obstacles.

    `datum` is what the point came in.
    """

    region_code: str
    longitude_e6: int
    latitude_e6: int
    precision: Precision
    notes: tuple[Reason, ...] = ()
    datum: Datum = "WGS-84"


class Nowhere(Exception):
    """No county can be given; the reason, and whether a person may decide."""

    def __init__(self, why: Reason, *, doubtful: bool) -> None:
        super().__init__(why.code)
        self.why = why
        self.doubtful = doubtful


class Hints(NamedTuple):
    """What else the row says: its city, its province, the region within its credit code.

    The region within a credit code is where the code was given, which need not be the address:
    it decides between counties of one name, and stands in for a missing county only where the
    list itself names the same city.
    """

    city: str
    province: str
    code: str

    def outside(self) -> bool:
        """Tell whether the row itself names another province."""
        return bool(self.province) and not self.province.startswith(_PROVINCES)


def prepare() -> None:
    """Read the tables and names of all regions now, so that no row has to wait for them.

    Units:   none.
    Raises:  nothing.
    Source:  JS-06.
    """
    for province in _PROVINCE_CODES:
        for city in cities_of(province):
            resolve_address("", city.code)


def _plain_place(address: str, city: str) -> Place | None:
    """Return the county of an address that says it without a doubt before its first digit.

    Many rows share what stands there, and that county is the leftmost of the whole address too.
    """
    digit = _DIGIT.search(address)
    return _place_of_head(address[: digit.start()], city) if digit else None


@lru_cache(maxsize=50_000)
def _place_of_head(head: str, city: str) -> Place | None:
    found = resolve_address(head, city or None)
    return _in_county(found.code) if found.code and found.is_county and not found.doubt else None


def find_county(address: str, hints: Hints) -> Resolved:
    """Return what a whole address says, with the hints that its row gives.

    Units:   six-digit codes.
    Raises:  nothing.
    Source:  JS-06.
    """
    if hints.city:
        return resolve_address(address, hints.city, county_hint=hints.code or None)
    found = resolve_address(address)
    if found.code is None and "address.ambiguous_county" in found.doubt and hints.code:
        again = resolve_address(address, county_hint=hints.code)
        if again.is_county and "address.county_by_hint" not in again.doubt:
            return again
    return found


def place_of(business: str, registered: str, hints: Hints) -> Place:
    """Return the county of the business address, or of the registered one where that says nothing.

    Units:   six-digit code, micro-degrees.
    Raises:  Nowhere, with every `address.*` reason.
    Source:  JS-06, R8.
    """
    column = "经营地址" if business else "注册地址"
    first = business or registered
    if not first:
        raise Nowhere(reason("经营地址", "address.missing"), doubtful=False)
    if hints.outside():
        raise Nowhere(reason("所在省份", OUTSIDE, hints.province), doubtful=False)
    if plain := _plain_place(first, hints.city):
        return plain
    found = find_county(first, hints)
    notes: tuple[Reason, ...] = ()
    if business and registered and found.code is None and OUTSIDE not in found.doubt:
        second = find_county(registered, hints)
        if second.is_county:
            found, notes = second, (reason(column, "address.registered_used", first),)
    if found.code is None or not found.is_county or _UNDECIDED.intersection(found.doubt):
        code = next((each for each in found.doubt if each in _UNDECIDED), None)
        if OUTSIDE in found.doubt or code is None:
            raise Nowhere(reason(column, OUTSIDE, first), doubtful=False)
        raise Nowhere(reason(column, code, first), doubtful=True)
    if found.doubt:
        notes += tuple(reason(column, doubt, first) for doubt in found.doubt)
    return _in_county(found.code, notes)


def place_by_name(branch: str, address: str, hints: Hints) -> Place | None:
    """Return the county that an outlet is named after, where its address says only the city.

    `branch` is the outlet's name without its bank's. None where it names no county of that city.

    Units:   six-digit code, micro-degrees.
    Raises:  nothing.
    Source:  JS-06.
    """
    city = find_county(address, hints).code
    if city is None or not branch:
        return None
    named = resolve_address(branch, city)
    if not named.is_county or named.code is None or _UNDECIDED.intersection(named.doubt):
        return None
    return _in_county(named.code, (reason("网点名称", "address.county_by_name", branch),))


def county_place(cell: Cell, column: str) -> Place:
    """Return the county a code cell names.

    Units:   six-digit code.
    Raises:  Nowhere `region.unknown`, `region.not_a_county`.
    Source:  JS-06, GB/T 2260.
    """
    code = text_of(cell)
    try:
        return _in_county(county(code).code)
    except BadInput as error:
        raise Nowhere(reason(column, error.code, code), doubtful=False) from error


def at_point(place: Place, longitude: Cell, latitude: Cell, datum: Cell = "") -> Place:
    """Return the place with the point the row gives, if it gives one.

    Units:   degrees in any of the three datums in, micro-degrees of WGS-84 out.
    Raises:  Wrong `place.format`, `place.outside`, `place.half`, `place.datum`.
    Source:  JS-06, R8.
    """
    east, north = degrees_e6_of(longitude), degrees_e6_of(latitude)
    if east is None and north is None:
        return place
    if east is None or north is None:
        raise Wrong("place.half")
    if not any(w <= east <= e and s <= north <= n for w, e, s, n in _BOXES):
        raise Wrong("place.outside")
    came_in = _datum(text_of(datum))
    if came_in != "WGS-84":
        x, y = to_wgs84(east / 1_000_000, north / 1_000_000, came_in)
        east, north = round(x * 1_000_000), round(y * 1_000_000)
    return Place(place.region_code, east, north, "point", place.notes, came_in)


def _datum(said: str) -> Datum:
    """The datum a cell names, by its own name or that of a map; a point without one is of GPS."""
    plain = said.upper().replace("-", "").replace(" ", "")
    for datum, names in _DATUMS.items():
        if any(name in plain for name in names):
            return datum
    if plain:
        raise Wrong("place.datum")
    return "WGS-84"


def centre_of(code: str) -> Place:
    """Return a county's rough middle.

    Units:   six-digit code in, micro-degrees out.
    Raises:  BadInput `region.unknown`.
    Source:  JS-06.
    """
    return _in_county(code)


def _in_county(code: str, notes: tuple[Reason, ...] = ()) -> Place:
    middle = _middle(code)
    return replace(middle, notes=notes) if notes else middle


@cache
def _middle(code: str) -> Place:
    here = region(code)
    return Place(code, round(here.lon * 1_000_000), round(here.lat * 1_000_000), "county")


def status_of(found: Resolved) -> Literal["resolved", "doubtful", "unresolved"]:
    """Return whether a resolved address names its county, leaves it to a person, or names none.

    Units:   none.
    Raises:  nothing.
    Source:  JS-06.
    """
    if found.code is None and "address.ambiguous_county" not in found.doubt:
        return "unresolved"
    if not found.is_county or _UNDECIDED.intersection(found.doubt):
        return "doubtful"
    return "resolved"

"""Find the county that a written address lies in, and say how sure that is.

Addresses arrive as people type them: without province, with abolished districts, with a
development zone instead of a county, or with a street only. The answer is never a guess that
looks like a fact: whatever was inferred is listed as a doubt for a person to check (JS-06).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from shared.kernel import tables
from shared.kernel.divisions import Level, Region, children_of, cities_of, exists, present_code
from shared.kernel.divisions import region as region_of

OTHER_CITY: Final = "address.other_city_than_hint"
OUTSIDE: Final = "address.outside_provinces"
AMBIGUOUS: Final = "address.ambiguous_county"
COUNTY_MISSING: Final = "address.county_missing"
NOTHING: Final = "address.nothing_recognised"
BY_TOWNSHIP: Final = "address.county_by_township"
BY_HINT: Final = "address.county_by_hint"
CITY_MISSING: Final = "address.city_missing"
INSIDE: Final = "address.county_inside"
SPLIT: Final = "address.split_district"
SPANS: Final = "address.zone_spans_counties"

_KIND_DOUBT: Final = {"split": SPLIT, "spans": SPANS}
_PROVINCES: Final = ("320000", "220000")
_ELSEWHERE: Final = re.compile(
    "(?:北京|天津|上海|重庆)(?![东南西北中]?(?:路|街))|河北省|山西省|辽宁省|黑龙江省|浙江省|安徽省|福建省|江西省|"
    "山东省|河南省|湖北省|湖南省|广东省|海南省|四川省|贵州省|云南省|陕西省|甘肃省|青海省|台湾省|"
    "内蒙古自治区|广西壮族自治区|西藏自治区|宁夏回族自治区|新疆维吾尔自治区|香港|澳门"
)
# A short name that goes on as a street is a street: 苏州吴中路 is not 吴中区.
_NOT_A_STREET: Final = (
    r"(?![东南西北中一二三四]?(?:路|街(?!道)|大道|大街|巷|桥|弄|里|支路|公路|大厦|广场))"
)
_OTHER_PLACE: Final = re.compile("[省市州盟旗县]|自治")
_FREE_TRADE: Final = re.compile(r"^(?:中国)?\(江苏\)自由贸易试验区(?:(南京|苏州|连云港)片区)?")
_TOWNSHIP_SUFFIX: Final = re.compile(r"(?:街道|地区|镇|乡)$")
_SUFFIX: Final = re.compile(r"(?:满族自治县|朝鲜族自治县|蒙古族自治县|区|县|市)$")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an address says: the finest region found, its level, and what speaks against it."""

    code: str | None
    level: Level | None
    doubt: tuple[str, ...] = ()

    @property
    def is_county(self) -> bool:
        """Tell whether a county or zone was found."""
        return self.level in (Level.COUNTY, Level.ZONE)


@dataclass(frozen=True, slots=True)
class _Match:
    code: str
    doubt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Names:
    """The names one city's counties go by: `anywhere` in an address, or only at its head."""

    anywhere: re.Pattern[str]
    head: re.Pattern[str]
    # Without a city only a county's own names count: every city has an 开发区.
    own: re.Pattern[str]
    townships: re.Pattern[str] | None
    meaning: dict[str, _Match]
    by_township: dict[str, str]

    def find(self, rest: str, *, townships: bool = True) -> _Match | None:
        """Return the county named at the head, else first anywhere, else by its township.

        A township inside a zone that spans counties says which of them it is.
        """
        found = self.head.match(rest) or self.anywhere.search(rest)
        match = self.meaning[found[0]] if found else None
        if townships and (match is None or SPANS in match.doubt):
            return self._by_township(rest) or match
        return match

    def _by_township(self, rest: str) -> _Match | None:
        found = self.townships.search(rest) if self.townships else None
        return _Match(self.by_township[found[0]], (BY_TOWNSHIP,)) if found else None


def resolve_address(
    text: str, city_hint: str | None = None, *, county_hint: str | None = None
) -> Resolved:
    """Return the county an address lies in; hints fill what the address leaves out.

    What the address says goes before `city_hint` (a city's code or name). `county_hint` is a
    county code from elsewhere (a credit code's digits 3–8, even retired) and is used only
    inside the city found, with a doubt of its own.

    Units:   six-digit codes.
    Raises:  nothing: an unknown hint counts as none.
    Source:  JS-06.
    """
    address = "".join(unicodedata.normalize("NFKC", text).split())
    address = _FREE_TRADE.sub(lambda found: f"{found[1]}市" if found[1] else "", address)
    address = _without_province(address)
    if _ELSEWHERE.match(address):
        return Resolved(None, None, (OUTSIDE,))
    hint = _city_from_hint(city_hint) or _city_from_hint(present_code(county_hint or ""))
    named, rest = _split_city(address)
    if named is None:
        return _resolve_without_city(address, hint, county_hint)
    doubts = (OTHER_CITY,) if hint and named.code != hint.code else ()
    match = _names(named.code).find(rest) or _by_hint(named.code, county_hint)
    return _answer(named, match, doubts)


def _resolve_without_city(address: str, hint: Region | None, county_hint: str | None) -> Resolved:
    elsewhere = _county_at_head(address)
    if hint:
        match = _names(hint.code).find(address, townships=elsewhere is None)
        if match or not elsewhere:
            return _answer(hint, match or _by_hint(hint.code, county_hint), ())
    if elsewhere is None and (inside := _county_inside(address)):
        return Resolved(inside.code, region_of(inside.code).level, (INSIDE,))
    if elsewhere is None:
        several = any(names.head.match(address) for names in map(_names, _city_codes()))
        return Resolved(None, None, (AMBIGUOUS if several else NOTHING,))
    found = region_of(elsewhere.code)
    # 昆山市 is one place in the country, 朝阳区 is several.
    alone = () if hint or not found.name.endswith("区") else (CITY_MISSING,)
    return _answer(found, elsewhere, (OTHER_CITY,) if hint else alone)


def _answer(city: Region, match: _Match | None, doubts: tuple[str, ...]) -> Resolved:
    if match is None:
        return Resolved(city.code, Level.CITY, (*doubts, COUNTY_MISSING))
    return Resolved(match.code, region_of(match.code).level, (*doubts, *match.doubt))


def _by_hint(city_code: str, county_hint: str | None) -> _Match | None:
    code = present_code(county_hint) if county_hint else None
    if code and code[:4] == city_code[:4] and region_of(code).is_county:
        return _Match(code, (BY_HINT,))
    return None


def _county_at_head(address: str) -> _Match | None:
    """Return the county the address starts with, where only one city has one of that name."""
    matches = [
        names.meaning[found[0]]
        for names in map(_names, _city_codes())
        if (found := names.own.match(address))
    ]
    return matches[0] if len({match.code for match in matches}) == 1 else None


def _county_inside(address: str) -> _Match | None:
    """Return the one county named further on, behind a park or project: 汾湖高新区吴江区康力大道.

    Not where another city stands before it: 沈阳市铁西区 is none of ours.
    """
    matches: set[_Match] = set()
    for names in map(_names, _city_codes()):
        if found := names.anywhere.search(address):
            match = names.meaning[found[0]]
            # Two characters are the end of many a name: 长丰县 is not 丰县.
            if (
                len(found[0]) > 2
                and not match.doubt
                and not _OTHER_PLACE.search(address[: found.start()])
            ):
                matches.add(match)
    return matches.pop() if len(matches) == 1 else None


def _without_province(address: str) -> str:
    """Drop our province's name from the head."""
    for code in _PROVINCES:
        name = region_of(code).name
        address = address.removeprefix("中国").removeprefix(name)
        stem = name.removesuffix("省")
        if address.startswith(stem) and not address.startswith(stem + "市"):
            after = address.removeprefix(stem)
            # 吉林 is a province and a city: it is the province where a city follows.
            if stem != "吉林" or _split_city(after)[0]:
                address = after
    return address


def _split_city(address: str) -> tuple[Region | None, str]:
    """Return the city at the head and what follows; repeated names are taken off together."""
    named: Region | None = None
    while found := _city_pattern().match(address):
        city = _cities_by_name()[found[0]]
        if named is not None and city.code != named.code:
            break
        named, address = city, address[found.end() :]
    return named, address


def _city_from_hint(hint: str | None) -> Region | None:
    if not hint:
        return None
    if exists(hint) and region_of(hint).level is not Level.PROVINCE:
        return region_of(hint[:4] + "00")
    return _cities_by_name().get(hint.strip())


@cache
def _city_codes() -> tuple[str, ...]:
    return tuple(city.code for province in _PROVINCES for city in cities_of(province))


@cache
def _cities_by_name() -> dict[str, Region]:
    names: dict[str, Region] = {"延边州": region_of("222400"), "延边": region_of("222400")}
    for code in _city_codes():
        city = region_of(code)
        names |= {city.name: city, city.name.removesuffix("市"): city}
    return names


@cache
def _city_pattern() -> re.Pattern[str]:
    # A bare 通化, 淮安 or 南通 must not eat the head of 通化县, 淮安区 or 南通路.
    return re.compile(
        "|".join(
            name if name[-1] in "市州" else f"{name}(?![区县市]){_NOT_A_STREET}"
            for name in _longest_first(_cities_by_name())
        )
    )


@cache
def _names(city_code: str) -> _Names:
    meaning: dict[str, _Match] = {}
    anywhere: set[str] = set()
    head: set[str] = set()
    stems: set[str] = set()
    for county in children_of(city_code):
        meaning[county.name] = _Match(county.code)
        anywhere.add(county.name)
        stem = _SUFFIX.sub("", county.name)
        for name in _renamings(stem) if county.level is Level.COUNTY else ():
            meaning.setdefault(name, _Match(county.code))
            anywhere.add(name)
        if len(stem) > 1:
            meaning.setdefault(stem, _Match(county.code))
            stems.add(stem)
    own = anywhere | stems
    for row in tables.rows("region_aliases.csv"):
        if row["city"] != city_code or row["where"] == "code":
            continue
        doubt = _KIND_DOUBT.get(row["kind"])
        meaning[row["alias"]] = _Match(row["code"], (doubt,) if doubt else ())
        (anywhere if row["where"] == "any" else head).add(row["alias"])
        if row["kind"] == "abolished" and row["where"] == "any":
            own.add(row["alias"])
    townships = _townships(city_code)
    return _Names(
        anywhere=_one_of(anywhere),
        head=_one_of(anywhere | head | stems),
        own=_one_of(own),
        townships=_one_of(townships) if townships else None,
        meaning=meaning,
        by_township=townships,
    )


def _renamings(stem: str) -> Iterator[str]:
    """Yield what a county was called before or will be called: 铜山县 became 铜山区."""
    if len(stem) > 1:
        yield from (stem + suffix for suffix in "区县市")


@cache
def _townships(city_code: str) -> dict[str, str]:
    """Return the townships of a city that name one county, by full name and by stem."""
    found: dict[str, set[str]] = {}
    for row in _township_rows().get(city_code[:4], ()):
        stem = _TOWNSHIP_SUFFIX.sub("", row["name"])
        if stem != row["name"]:
            # A township may have become a subdistrict since, and both names stay in use.
            forms = (stem + end for end in ("街道", "镇", "乡", "办事处"))
            for name in (row["name"], *(forms if len(stem) > 1 else ())):
                found.setdefault(name, set()).add(row["county"])
    return {name: min(codes) for name, codes in found.items() if len(codes) == 1}


@cache
def _township_rows() -> dict[str, list[dict[str, str]]]:
    """Return the packaged townships by the first four digits of their city, read once."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in tables.rows("townships.csv"):
        rows.setdefault(row["county"][:4], []).append(row)
    return rows


def _longest_first(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (-len(name), name))


def _one_of(names: Iterable[str]) -> re.Pattern[str]:
    whole = "(?<=[区县市镇乡道处])"  # what ends so is no stem, whatever follows it
    names_first = "|".join(map(re.escape, _longest_first(names)))
    return re.compile(f"(?:{names_first})(?:{whole}|{_NOT_A_STREET})")

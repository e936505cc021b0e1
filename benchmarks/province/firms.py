"""Enterprises: packed in parks, young ones without loans, lenders mostly near by."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from benchmarks.province.banks import invented_uscc, moved
from benchmarks.province.draws import Draws, Floats, Ints
from benchmarks.province.model import Enterprise, Need, Outlet, Truth
from shared.kernel.money import FEN_PER_WAN
from shared.kernel.region import Level, Region, city_of, region

LIST_ON = date(2021, 12, 31)
# Seed, start-up, growth, mature.
_STAGE_SHARE = (0.18, 0.34, 0.33, 0.15)
_LOAN_SHARE = np.asarray([0.18, 0.42, 0.66, 0.82], dtype=np.float64)
_AGE_DAYS = (400, 1200, 2600, 5200)
_FIRST = tuple("澄岚锐芯恒微精信创启智辰")
_SECOND = tuple("达联禾岳峰腾川源泽域晟邦")
# Division of GB/T 4754 and the trade word of a name.
_TRADES = (
    ("35", "智能装备"),
    ("39", "电子"),
    ("65", "软件"),
    ("38", "电气"),
    ("27", "生物医药"),
    ("26", "新材料"),
    ("40", "仪器"),
    ("73", "检测技术"),
    ("36", "汽车零部件"),
    ("77", "环保"),
)
_TRADE_SHARE = (0.22, 0.16, 0.16, 0.11, 0.08, 0.08, 0.07, 0.05, 0.04, 0.03)
_PURPOSES = ("流动资金", "购置设备", "技术研发", "订单备货", "厂房建设")
# Where a form drawn from [0, 1) names the province, and where it names a county-level city only.
_WITH_PROVINCE, _COUNTY_ALONE = 0.6, 0.8
_EXEMPT = ("moved_away", "dissolved", "refused")


def make_enterprises(
    seed: int, count: int, counties: Sequence[Region], weight: Floats, outlets: Sequence[Outlet]
) -> tuple[list[Enterprise], Truth]:
    """Return the list in no useful order, and the truth behind it."""
    draws = Draws(seed, 4)
    place = draws.weighted(weight, count)
    stage = draws.weighted(_STAGE_SHARE, count)
    has_loan = draws.unit(count) < np.take(_LOAN_SHARE, stage)
    points = _points(draws, place, counties)
    texts = _texts(draws, place, counties)
    people, revenue, research = _sizes(draws, stage)
    age: Floats = np.take(np.asarray(_AGE_DAYS), stage) * (0.5 + draws.unit(count))
    trade = draws.weighted(_TRADE_SHARE, count)
    salts = draws.below(961, count)
    firms: list[Enterprise] = []
    for i in draws.order(count).tolist():
        county, (code, word), number = counties[int(place[i])], _TRADES[trade[i]], i + 1
        city_stem = region(city_of(county.code)).name.removesuffix("市")
        name = f"{city_stem}{texts.names[i]}{word}科技有限公司(样例{number:05d})"
        firms.append(
            Enterprise(
                uscc=invented_uscc(county.code, number, int(salts[i])),
                name=name,
                registration_no=f"2021{county.code}A{number:07d}",
                legal_representative=f"样例法人{number:05d}",
                phone=f"000{number:08d}",
                registered_address=texts.registered[i],
                business_address=texts.business[i],
                region_code=county.code,
                lon=points[i][0],
                lat=points[i][1],
                industry_code=code,
                has_loan=bool(has_loan[i]),
                founded_on=LIST_ON - timedelta(days=int(age[i]) + 30),
                employees=int(people[i]),
                revenue_fen=int(revenue[i]) * (FEN_PER_WAN // 100),
                rd_fen=int(research[i]) * (FEN_PER_WAN // 100),
            )
        )
    return firms, make_truth(seed, firms, outlets)


def _sizes(draws: Draws, stage: Ints) -> tuple[Ints, Ints, Ints]:
    """Draw staff, and sales and R&D in hundredths of 万元."""
    count = len(stage)
    people = np.maximum(1, np.round(np.exp(2.6 + 0.5 * stage + 0.7 * draws.normal(count))))
    people = np.minimum(people, 500).astype(np.int64)
    # 15 to 75 万元 of sales per head, and R&D from 3 to 15 per cent of sales.
    revenue = np.minimum(people * (15 + 60 * draws.unit(count)) * 100, 20_000 * 100)
    revenue = np.round(revenue).astype(np.int64)
    research = np.round(revenue * (0.03 + 0.12 * draws.unit(count))).astype(np.int64)
    return people, revenue, research


def _points(draws: Draws, place: Ints, counties: Sequence[Region]) -> list[tuple[float, float]]:
    """Put seven in ten into parks of their county, the others anywhere in it."""
    n, parks = len(place), 4
    park_at = draws.normal(2 * parks * len(counties)).reshape(len(counties), parks, 2) * 6.0
    park = draws.weighted([8, 4, 2, 1], n)
    inside = draws.chance(0.72, n)
    off = draws.normal(2 * n).reshape(n, 2)
    points: list[tuple[float, float]] = []
    for i in range(n):
        county = counties[place[i]]
        base = park_at[place[i], park[i]] if inside[i] else np.zeros(2)
        spread = 1.2 if inside[i] else 8.0
        east, north = (base + off[i] * spread).tolist()
        points.append(moved(county.lon, county.lat, east, north))
    return points


class _Texts:
    """Names and addresses as people write them."""

    def __init__(self, names: list[str], registered: list[str], business: list[str]) -> None:
        self.names = names
        self.registered = registered
        self.business = business


def _texts(draws: Draws, place: Ints, counties: Sequence[Region]) -> _Texts:
    n = len(place)
    names = [a + b for a, b in zip(draws.pick(_FIRST, n), draws.pick(_SECOND, n), strict=True)]
    forms, same = draws.unit(n), draws.chance(0.85, n)
    numbers, others = draws.below(900, n) + 1, draws.unit(n)
    registered: list[str] = []
    business: list[str] = []
    by_city: dict[str, list[Region]] = {}
    for county in counties:
        by_city.setdefault(city_of(county.code), []).append(county)
    for i in range(n):
        county = counties[place[i]]
        near = by_city[city_of(county.code)]
        other = county if same[i] else near[int(others[i] * len(near))]
        street = f"样例科技路{numbers[i]}号"
        business.append(written(county, float(forms[i])) + street)
        registered.append(written(other, float(forms[i])) + street)
    return _Texts(names, registered, business)


def written(county: Region, form: float) -> str:
    """Write a county's place in one of the usual ways."""
    city = region(city_of(county.code)).name
    if county.level is Level.ZONE and county.name.startswith(city.removesuffix("市")):
        place = county.name
    elif county.name.endswith("市") and form > _COUNTY_ALONE:
        return county.name
    else:
        place = city + county.name
    return "江苏省" + place if form < _WITH_PROVINCE else place


def make_truth(seed: int, firms: Sequence[Enterprise], outlets: Sequence[Outlet]) -> Truth:
    """Decide needs, lenders and exemptions."""
    draws, n = Draws(seed, 7), len(firms)
    wants, fits = draws.chance(0.55, n), draws.chance(0.62, n)
    wan = np.round(np.exp(4.8 + 0.9 * draws.normal(n)) / 10).astype(np.int64) * 10
    purpose, term = draws.pick(_PURPOSES, n), draws.pick((6, 12, 12, 24, 36), n)
    whole = draws.chance(0.7, n)
    # Halves drawn of what is approved: six in ten all, three in ten one half, the rest nothing.
    halves = draws.weighted((1, 3, 6), n)
    needs: dict[str, Need] = {}
    for i, firm in enumerate(firms):
        if not wants[i]:
            continue
        amount_wan = int(min(max(int(wan[i]), 10), 3000))
        approved_wan = amount_wan if whole[i] else max(amount_wan // 2, 1)
        drawn_wan = approved_wan * int(halves[i]) // 2
        needs[firm.uscc] = Need(
            amount_fen=amount_wan * FEN_PER_WAN,
            term_months=term[i],
            purpose=purpose[i],
            eligible=bool(fits[i]),
            approved_fen=approved_wan * FEN_PER_WAN if fits[i] else 0,
            drawn_fen=drawn_wan * FEN_PER_WAN if fits[i] else 0,
        )
    rare, reason = draws.chance(0.02, n), draws.pick(_EXEMPT, n)
    exempt = {firm.uscc: reason[i] for i, firm in enumerate(firms) if rare[i]}
    return Truth(needs=needs, lenders=_lenders(draws, firms, outlets), exempt=exempt)


def _lenders(
    draws: Draws, firms: Sequence[Enterprise], outlets: Sequence[Outlet]
) -> dict[str, tuple[str, ...]]:
    """Draw one to three lenders for each borrower, three in four from its own county."""
    near: dict[str, list[str]] = {}
    for outlet in outlets:
        for place in (outlet.region_code, city_of(outlet.region_code)):
            near.setdefault(place, []).extend([outlet.institution_code] * (outlet.managers + 1))
    n = len(firms)
    count = 1 + draws.chance(0.28, n).astype(np.int64) + draws.chance(0.10, n)
    own, which = draws.chance(0.75, 3 * n).reshape(n, 3), draws.unit(3 * n).reshape(n, 3)
    lenders: dict[str, tuple[str, ...]] = {}
    for i, firm in enumerate(firms):
        if not firm.has_loan:
            continue
        found: list[str] = []
        for k in range(int(count[i])):
            home = near.get(firm.region_code) if own[i, k] else None
            pool = home or near[city_of(firm.region_code)]
            found.append(pool[int(which[i, k] * len(pool))])
        lenders[firm.uscc] = tuple(dict.fromkeys(found))
    return lenders

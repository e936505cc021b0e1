"""Search: as people type, through the API, over all enterprises of a large province.

Beside it what is written by hand without an index for it: `ilike` on the same table, by the driver,
for those questions that it can answer at all (no pinyin, no initials).
"""

import argparse
import random
import time

import asyncpg
import httpx2

from benchmarks.bed import Bed
from benchmarks.measures.crowd import VINTAGE, fill
from benchmarks.side import Aim, Report, measure, median, percentile, postgres_version
from services.registry.usecases.searching import divisions

# Rare and frequent words, two characters and more, pinyin, initials, codes, filters, mixtures.
QUERIES: tuple[dict[str, str], ...] = (
    {"q": "华光"},
    {"q": "金鼎智能"},
    {"q": "科技"},
    {"q": "有限公司"},
    {"q": "众"},
    {"q": "huaguang"},
    {"q": "jinding"},
    {"q": "keji"},
    {"q": "hgzn"},
    {"q": "jd"},
    {"q": "91320583"},
    {"q": "昆山 瑞恒"},
    {"q": "昆山 ruiheng 软件"},
    {"q": "不存在的名称"},
    {"q": "华光", "region": "320500", "loan": "no"},
    {"q": "科技", "region": "320583", "industry": "I"},
    {"region": "320100", "loan": "unknown"},
    {"industry": "C", "list_vintage": VINTAGE},
    {},
)


async def _spelled(bed: Bed) -> None:
    """Let the worker spell all names, as after an import."""
    connection = await bed.connect("registry")
    await connection.execute(
        "insert into job (job_id, kind, params, created_at)"
        " values (gen_random_uuid(), 'spell', '{}', now())"
    )
    await bed.until("registry", "select count(*) from job where state <> 'done'", 0, seconds=1_800)
    await connection.execute("vacuum analyze")
    await connection.close()


def _by_hand(query: dict[str, str]) -> tuple[str, list[str]] | None:
    """The same question as plain SQL with its values; None where it needs a spelling."""
    conditions, values = list[str](), list[str]()

    def add(condition: str, value: str) -> None:
        values.append(value)
        conditions.append(condition.replace("?", f"${len(values)}"))

    for word in query.get("q", "").split():
        if word.isascii() and not word.isdigit():
            return None
        add("(e.name ilike '%' || ? || '%' or e.uscc like ? || '%')", word)
    if region := query.get("region"):
        add("e.region_code like ? || '%'", region.removesuffix("00").removesuffix("00"))
    if code := query.get("industry"):
        add("e.industry_code = any(string_to_array(?, ','))", ",".join(divisions(code)))
    if loan := query.get("loan"):
        known = {"yes": "e.has_loan", "no": "not e.has_loan", "unknown": "e.has_loan is null"}
        conditions.append(known[loan])
    if vintage := query.get("list_vintage"):
        add(
            "exists (select from list_member m where m.list_vintage = ?"
            " and m.enterprise_id = e.enterprise_id)",
            vintage,
        )
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return f"select e.* from enterprise e{where} order by e.uscc limit 51", values


async def _plain(connection: asyncpg.Connection, query: dict[str, str]) -> float | None:
    """Milliseconds of the same question by hand."""
    asked = _by_hand(query)
    if asked is None:
        return None
    began = time.perf_counter()
    await connection.fetch(asked[0], *asked[1])
    return (time.perf_counter() - began) * 1_000


class Times:
    """Milliseconds: of ours by question, and of ours and by hand where both can answer."""

    def __init__(self) -> None:
        self.ours: dict[str, list[float]] = {}
        self.beside: list[float] = []
        self.plain: list[float] = []
        self.facets: list[float] = []

    @property
    def all(self) -> list[float]:
        """Every answer of ours."""
        return [took for some in self.ours.values() for took in some]


async def _ask(client: httpx2.AsyncClient, path: str, query: dict[str, str]) -> float:
    began = time.perf_counter()
    (await client.get(path, params=query)).raise_for_status()
    return (time.perf_counter() - began) * 1_000


async def _ask_all(bed: Bed, client: httpx2.AsyncClient, requests: int) -> Times:
    dice, times = random.Random(5), Times()
    connection = await bed.connect("registry")
    for query in dice.choices(QUERIES, k=50):
        await _ask(client, "/search", query)
    for query in dice.choices(QUERIES, k=requests):
        took = await _ask(client, "/search", query)
        times.ours.setdefault(" ".join(query.values()) or "-", []).append(took)
        if (by_hand := await _plain(connection, query)) is not None:
            times.plain.append(by_hand)
            times.beside.append(took)
    times.facets = [await _ask(client, "/search/facets", query) for query in QUERIES]
    await connection.close()
    return times


async def run(given: argparse.Namespace, report: Report) -> None:
    async with Bed("registry") as bed:
        report.postgres = postgres_version(bed.postgres)
        connection = await bed.connect("registry")
        await fill(connection, given.enterprises, listed=given.enterprises // 8)
        await connection.close()
        token = bed.token("province_regulator")
        await bed.know("registry")
        worker, began = bed.work("registry"), time.perf_counter()
        await _spelled(bed)
        spelling = time.perf_counter() - began
        worker.stop()
        base = f"http://127.0.0.1:{bed.serve('registry')}/api/registry/v1"
        headers = {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(
            base_url=base, headers=headers, timeout=60, trust_env=False
        ) as client:
            times = await _ask_all(bed, client, given.requests)
    report.figures = {
        "p50_ms": round(median(times.all), 1),
        "p99_ms": round(percentile(times.all, 0.99), 1),
        "plain_ilike_p50_ms": round(median(times.plain), 1),
        "plain_ilike_p99_ms": round(percentile(times.plain, 0.99), 1),
        "same_questions_p50_ms": round(median(times.beside), 1),
        "same_questions_p99_ms": round(percentile(times.beside, 0.99), 1),
        "median_ms_by_query": {name: round(median(some), 1) for name, some in times.ours.items()},
        "facets_ms": [round(took) for took in times.facets],
        "spelling_s": round(spelling, 1),
    }
    report.tell(str(report.figures))
    ratio = percentile(times.beside, 0.99) / percentile(times.plain, 0.99)
    report.aims = [
        Aim(name="search p99", value=report.figures["p99_ms"], most=250, unit="ms"),
        Aim(name="search p99 ÷ plain ilike, where that can answer", value=ratio, most=1),
        Aim(name="facets, the slowest", value=max(times.facets), most=3_000, unit="ms"),
    ]


if __name__ == "__main__":
    measure(
        "search",
        "enterprises found as people type, through the API",
        run,
        enterprises=(600_000, 20_000),
        requests=(2_000, 200),
    )

"""Search: as people type, through the API, over all enterprises of a large province."""

import argparse
import asyncio
import random
import time

import httpx2

from benchmarks.bed import Bed
from benchmarks.measures.crowd import VINTAGE, fill
from benchmarks.side import Aim, Report, measure, postgres_version

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
        port = bed.serve("registry")
        base = f"http://127.0.0.1:{port}/api/registry/v1"
        headers = {"authorization": f"Bearer {token}"}
        dice, times = random.Random(5), dict[str, list[float]]()
        async with httpx2.AsyncClient(
            base_url=base, headers=headers, timeout=60, trust_env=False
        ) as client:
            for n in range(given.requests + 50):
                query = dice.choice(QUERIES)
                watch = time.perf_counter()
                (await client.get("/search", params=query)).raise_for_status()
                if n >= 50:
                    took = (time.perf_counter() - watch) * 1_000
                    times.setdefault(" ".join(query.values()) or "-", []).append(took)
            facets: list[float] = []
            for query in QUERIES:
                watch = time.perf_counter()
                (await client.get("/search/facets", params=query)).raise_for_status()
                facets.append((time.perf_counter() - watch) * 1_000)
                await asyncio.sleep(0)
        every = sorted(took for some in times.values() for took in some)
        report.figures = {
            "p50_ms": round(every[len(every) // 2], 1),
            "p99_ms": round(every[int(len(every) * 0.99)], 1),
            "median_ms_by_query": {
                name: round(sorted(some)[len(some) // 2], 1) for name, some in times.items()
            },
            "facets_ms": [round(took) for took in facets],
            "spelling_s": round(spelling, 1),
        }
        report.tell(str(report.figures))
        report.aims = [
            Aim(name="search p99", value=report.figures["p99_ms"], most=250, unit="ms"),
            Aim(name="facets, the slowest", value=max(facets), most=3_000, unit="ms"),
        ]


if __name__ == "__main__":
    measure(
        "search",
        "enterprises found as people type, through the API",
        run,
        enterprises=(600_000, 20_000),
        requests=(2_000, 200),
    )

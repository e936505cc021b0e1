"""Assess a province: every enterprise of a list by three standards, as a job, events and all.

Beside it the bare judging: the same rules on the same facts in one process, nothing read or kept.
"""

import argparse
import asyncio
import time
from datetime import date
from uuid import uuid4

import httpx2
import psutil

from benchmarks.bed import Bed
from benchmarks.measures.crowd import VINTAGE, fill
from benchmarks.side import Aim, Report, Watch, measure, median, postgres_version
from services.registry.domain.facts import Facts, Sheet
from services.registry.store.facts import Judged
from services.registry.usecases.assessing import Versions, judge
from shared.platform.embedded.supervisor import Program

_FILED = """
insert into fact_sheet select gen_random_uuid(), enterprise_id, '2021-12-31', 'filing',
    jsonb_build_object('rd_staff', least(employees, 30), 'staff', employees,
        'cost', 4000000000, 'assets', 9000000000, 'resident', true, 'class_one_rights', 1,
        'barred_products', false, 'serious_accident', false),
    now() - interval '1 hour', 'bench' from enterprise
"""


def _bare(count: int) -> float:
    day = date(2022, 4, 8)
    sheets = [
        Sheet(date(2021, 12, 31), "filing", {"staff": 90, "rd_staff": 30, "cost": 4 * 10**9}),
        Sheet(date(2021, 12, 31), "list", {"staff": 90, "sales": 10**10, "rd": 5 * 10**8}),
    ]
    versions, began = Versions.on(day), time.perf_counter()
    for _ in range(count):
        judge(Judged(uuid4(), "35", Facts(sheets)), versions, day)
    return time.perf_counter() - began


def _worked(worker: Program, bed: Bed) -> float:
    """Seconds of processor time of a worker and of the database's sessions so far."""
    pid = worker.status().pid
    assert pid
    postmaster = psutil.Process(bed.postgres.status().pid)
    some = [psutil.Process(pid), postmaster, *postmaster.children()]
    return sum(sum(each.cpu_times()[:2]) for each in some)


async def _assess(
    client: httpx2.AsyncClient, vintage: str = VINTAGE
) -> tuple[float, dict[str, int]]:
    watch = Watch()
    headers = {"idempotency-key": str(uuid4())}
    begun = await client.post("/assessments", json={"list_vintage": vintage}, headers=headers)
    job = begun.raise_for_status().json()["job_id"]
    state = {"state": "queued"}
    while state["state"] not in ("done", "failed"):
        await asyncio.sleep(0.1)
        state = (await client.get(f"/jobs/{job}")).raise_for_status().json()
    if state["state"] == "failed":
        raise RuntimeError(f"the job failed: {state}")
    return watch.read(), state["result"]  # pyright: ignore[reportReturnType]


async def run(given: argparse.Namespace, report: Report) -> None:
    first: list[float] = []
    again: list[float] = []
    bare: list[float] = []
    work: list[float] = []
    for _ in range(given.rounds):
        async with Bed("registry") as bed:
            report.postgres = postgres_version(bed.postgres)
            connection = await bed.connect("registry")
            await fill(connection, given.rows, listed=given.rows)
            await connection.execute(_FILED)
            await connection.close()
            token = bed.token("province_regulator")
            await bed.know("registry")
            port, worker = bed.serve("registry"), bed.work("registry")
            base = f"http://127.0.0.1:{port}/api/registry/v1"
            headers = {"authorization": f"Bearer {token}"}
            async with httpx2.AsyncClient(
                base_url=base, headers=headers, timeout=60, trust_env=False
            ) as client:
                await _assess(client, "2000-01-01")  # nobody: the worker is up
                before = _worked(worker, bed)
                took, result = await _assess(client)
                work.append(_worked(worker, bed) - before)
                twice, nothing = await _assess(client)
            bare.append(await asyncio.to_thread(_bare, given.rows))
            first.append(took)
            again.append(twice)
        report.tell(f"{result} in {took:.1f} s, again {nothing} in {twice:.1f} s")
    report.figures = {
        "assess_s": [round(seconds, 2) for seconds in first],
        "assess_again_s": [round(seconds, 2) for seconds in again],
        "assess_processor_s": [round(seconds, 2) for seconds in work],
        "bare_judging_s": [round(seconds, 2) for seconds in bare],
        "enterprises_per_second": round(given.rows / median(first)),
    }
    report.aims = [
        Aim(name="assess a province's list", value=median(first), most=60, unit="s"),
        Aim(
            name="processor time of that, with the database", value=median(work), most=20, unit="s"
        ),
        Aim(name="the same again, nothing to change", value=median(again), most=30, unit="s"),
    ]


if __name__ == "__main__":
    measure(
        "assess",
        "a list judged by three standards, as a job with events",
        run,
        rows=(72_300, 2_000),
        rounds=(3, 1),
    )

"""Import: a province's list through the registry's API, beside reading the same file alone.

Ours: upload to `serve registry`, the job in `work registry`, until the import is done, every row is
answered and every event stands in the event log. The yardstick: python-calamine in a fresh process,
the sheet to row lists, nothing done with them.
"""

import argparse
import asyncio
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx2

from benchmarks.bed import Bed
from benchmarks.province.generate import SIZES, generate
from benchmarks.province.sheets import write_files
from benchmarks.side import Aim, Report, Watch, measure, median, postgres_version

_READ = """
import sys, time
from python_calamine import CalamineWorkbook
began = time.perf_counter()
book = CalamineWorkbook.from_path(sys.argv[1])
rows = book.get_sheet_by_name(book.sheet_names[0]).to_python()
print(time.perf_counter() - began, len(rows))
"""
_LISTED = "select count(*) from event_log where type like 'EnterpriseListed.%'"
# The worker is up when its job runner waits for work.
_LISTENING = "select least(count(*), 1) from pg_stat_activity where query ilike 'listen %'"


def _write_list(folder: Path, rows: int) -> Path:
    """The file people send, faults and all."""
    size = next((name for name, s in SIZES.items() if s.enterprises >= rows), "province")
    write_files(generate(size, 7), folder)
    return folder / "enterprises.xlsx"


def _read_alone(path: Path) -> tuple[float, int]:
    told = subprocess.run(
        [sys.executable, "-c", _READ, str(path)], check=True, capture_output=True, text=True
    )
    seconds, rows = told.stdout.split()
    return float(seconds), int(rows)


async def _import(port: int, token: str, path: Path, vintage: str, bed: Bed) -> tuple[float, int]:
    """Seconds until all is committed and in the log, and the rows taken."""
    connection = await bed.connect("registry")
    before = await connection.fetchval(_LISTED)
    raw = path.read_bytes()
    headers = {"authorization": f"Bearer {token}", "idempotency-key": str(uuid4())}
    base = f"http://127.0.0.1:{port}/api/registry/v1/imports"
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
        watch = Watch()
        form = {"kind": "enterprises", "list_vintage": vintage}
        begun = await client.post(base, data=form, files={"file": (path.name, raw)})
        place = f"{base}/{begun.raise_for_status().json()['import_id']}"
        state = {"state": "queued"}
        while state["state"] not in ("done", "failed"):
            await asyncio.sleep(0.1)
            state = (await client.get(place)).raise_for_status().json()
        if state["state"] == "failed":
            raise RuntimeError(f"the import failed: {state['error']}")
        taken = state["counts"]["taken"]
        while await connection.fetchval(_LISTED) - before < taken:
            await asyncio.sleep(0.05)
        seconds = watch.read()
    await connection.close()
    return seconds, taken


async def run(given: argparse.Namespace, report: Report) -> None:
    alone: list[float] = []
    ours: list[float] = []
    for _ in range(given.rounds):
        # A new database every round: a list imported again would change little.
        async with Bed("registry") as bed:
            report.postgres = postgres_version(bed.postgres)
            path = _write_list(bed.folder, given.rows)
            # Before our processes start: their start beside it would make reading look slow.
            seconds, rows = await asyncio.to_thread(_read_alone, path)
            alone.append(seconds)
            port = bed.serve("registry")
            bed.work("registry")
            token = bed.token("province_regulator")
            await bed.know("registry")
            await bed.until("registry", _LISTENING, 1)
            took, taken = await _import(port, token, path, "2021-12-31", bed)
            ours.append(took)
        report.tell(
            f"{rows:,} rows read in {seconds:.2f} s, imported in {took:.2f} s ({taken:,} taken)"
        )
    report.figures = {
        "read_alone_s": [round(seconds, 2) for seconds in alone],
        "import_s": [round(seconds, 2) for seconds in ours],
        "rows_taken": taken,
        "rows_per_second": round(rows / median(ours)),
    }
    report.aims = [
        Aim(
            name="import ÷ reading the file alone",
            value=median(ours) / median(alone),
            most=4,
            ours=f"{median(ours):.1f} s",
            beside=f"{median(alone):.1f} s",
        )
    ]


if __name__ == "__main__":
    measure(
        "import",
        "a list through the API, beside reading the file alone",
        run,
        rows=(72_300, 2_000),
        rounds=(3, 1),
    )

"""Demo: the whole campaign at province size, time and highest memory of every step.

Runs `./yinqi demo --size … --exit` as a user does and reads the report it leaves.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.bed import ROOT
from benchmarks.side import Aim, Report, Watch, measure

MINUTES = 20


def _run(size: str, transport: str, home: Path) -> dict[str, Any]:
    options = ["--size", size, "--transport", transport, "--home", str(home), "--port", "0"]
    subprocess.run(
        [sys.executable, "-m", "services", "demo", *options, "--exit"],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    found = next(home.rglob("report.json"))
    content: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return content


async def run(given: argparse.Namespace, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="yinqi-bench-") as folder:
        watch = Watch()
        content = await asyncio.to_thread(_run, given.size, given.transport, Path(folder))
        seconds = watch.read()
    for step in content["steps"]:
        report.tell(
            f"{step['seconds']:8.1f} s  {step['platform_mib']:7.0f} MiB"
            f"  {step['requests']:>8,} requests  {step['step']}"
        )
    report.figures = {"whole_seconds": round(seconds, 1), "steps": content["steps"]}
    for step in report.figures["steps"]:
        step.pop("notes", None)
    report.aims = [
        Aim(name="demo, from start to bulletin", value=seconds / 60, most=MINUTES, unit="min")
    ]


if __name__ == "__main__":
    measure(
        "demo",
        "the whole campaign through the gateway",
        run,
        size=("province", "small"),
        transport=("log", "log"),
    )

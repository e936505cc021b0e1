"""Made-up calls to every operation of every service as each role, behind the real gateway.

    python -m tests.access.fuzzing [--examples 12] [--seed 1]

Runs a tiny campaign first, so that the calls meet real rows; then counts the cases, and the answers
that no document names or that are faults of the server. What ends the caller's own session, moves
the clock or asks other servers is left out.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.campaign.api import Api, Caller
from benchmarks.campaign.drive import run_campaign
from benchmarks.campaign.world import Options as Campaign
from benchmarks.campaign.world import World
from services.embedded import ROOT, Embedded, Options
from shared.platform.settings import SERVICES

CHECKS = "not_a_server_error,status_code_conformance"
LEFT_OUT = r"(sign-out|/clock|/me/password|/refresh|/wechat/|/oidc/|/authz|/accounts/.*/disable)"


@dataclass(slots=True)
class Fuzzed:
    """What came of all runs."""

    cases: int = 0
    failures: list[str] = field(default_factory=list[str])
    by_role: Counter[str] = field(default_factory=Counter[str])

    def told(self) -> str:
        """The figures in some lines."""
        return f"cases {self.cases}, failures {len(self.failures)}\nby role {dict(self.by_role)}"


def run_one(
    folder: Path, url: str, document: Path, headers: dict[str, str], examples: int, seed: int
) -> tuple[int, list[str]]:
    """One service as one caller: how many cases, and which failed how."""
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    given = [part for name, value in headers.items() for part in ("-H", f"{name}:{value}")]
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"), "run", str(document), "--url", url,
            "--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", str(examples),
            "--seed", str(seed), "--no-shrink", "--continue-on-failure", "--warnings", "off",
            "--exclude-path-regex", LEFT_OUT, "--output-sanitize", "true", "--request-retries", "2",
            "--suppress-health-check", "all", *given,
        ],
        check=False, capture_output=True, text=True, cwd=folder, timeout=1_800,
    )  # fmt: skip
    said = done.stdout + done.stderr
    cases = sum(int(each) for each in re.findall(r"([\d,]+) generated", said.replace(",", "")))
    if done.returncode in (0, 1) and cases:
        failed = re.findall(
            r"^\s*-? ?(?:\[\d+\] )?(Server error|Undocumented[^\n]*)", said, re.MULTILINE
        )
        return cases, [said[-6_000:]] if done.returncode else failed
    return cases, [said[-3_000:]]


async def callers(api: Api, world: World) -> list[Caller]:
    """One of every role, signed in."""
    everyone = [world.admin, *world.callers.values(), *world.cores.values()]
    chosen = {caller.role: caller for caller in reversed(everyone)}
    for caller in chosen.values():
        await api.proof(caller)
    return list(chosen.values())


async def fuzz(platform: Embedded, world: World, examples: int, seed: int, folder: Path) -> Fuzzed:
    """Every service as every role."""
    found = Fuzzed()
    async with Api(platform.url) as api:
        people = await callers(api, world)
        documents: dict[str, Any] = {}
        for name in SERVICES:
            answer = await api.ask(world.regulator, "GET", f"/{name}/v1/openapi.json")
            documents[name] = folder / f"{name}.json"
            documents[name].write_text(json.dumps(answer.json()))
        for caller in people:
            for name in SERVICES:
                proof = await api.proof(caller)
                cases, failures = await asyncio.to_thread(
                    run_one, folder, platform.url, documents[name], proof, examples, seed
                )
                found.cases += cases
                found.by_role[caller.role] += cases
                found.failures += [f"{caller.role} {name}: {text}" for text in failures]
                print(f"{caller.role} {name}: {cases} cases, {len(failures)} failures", flush=True)
    return found


def main() -> int:
    """Run it; 1 where anything failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yinqi-fuzz-") as name:
        home = Path(name)
        options = Options(home=home / "home", simulation=True)
        with Embedded(options) as platform, (home / "campaign.log").open("w") as log:
            campaign = Campaign(size="tiny", seed=11, home=home / "home")
            world = asyncio.run(
                run_campaign(
                    campaign, platform.url, platform.admin_password, Console(file=log, width=150)
                )
            )
            found = asyncio.run(fuzz(platform, world, given.examples, given.seed, home))
    for text in found.failures:
        print(text)
    print(found.told())
    return 1 if found.failures else 0


if __name__ == "__main__":
    assert ROOT
    raise SystemExit(main())

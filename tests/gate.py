"""The one gate: `./yinqi test`. Installs what tests need, checks the code, runs every test.

With arguments it only runs pytest with them: `./yinqi test tests/credit -k first`.
Tests that measure time or kill processes (browser, journey, faults) run alone, the others on two
workers, each with a PostgreSQL of its own.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from shared.platform.embedded.kafka import Kafka
from shared.platform.embedded.toolchain import build_web, ensure_api_tools, ensure_chromium

ROOT = Path(__file__).resolve().parent.parent
CODE = ("services", "shared", "tests", "benchmarks", "deploy")
BIN = Path(sys.executable).parent


def tool(*command: str) -> Callable[[], None]:
    """A step that runs a program of the environment and fails with it."""

    def run() -> None:
        program = [str(BIN / command[0]), *command[1:]]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(program, cwd=ROOT, env=environment, check=False)
        if done.returncode:
            raise SystemExit(done.returncode)

    return run


def prepare_kafka() -> None:
    """Fetch the broker's jars: Java and Maven are installed where they may be."""
    Kafka(ROOT / ".yinqi" / "cache" / "kafka-prepare", ROOT / ".yinqi" / "cache").prepare()


STEPS: tuple[tuple[str, Callable[[], object]], ...] = (
    ("ruff format", tool("ruff", "format", "--check", "--quiet", *CODE)),
    ("ruff", tool("ruff", "check", "--quiet", *CODE)),
    ("basedpyright", tool("basedpyright", "--level", "error")),
    ("import-linter", tool("lint-imports", "--no-logo")),
    ("contracts", tool("python", "-m", "services", "contracts", "check")),
    ("pages", build_web),
    ("api tools", ensure_api_tools),
    ("chromium", ensure_chromium),
    ("kafka", prepare_kafka),
)


def main(arguments: list[str]) -> int:
    """Run the gate; the exit code of the first step that fails."""
    pytest = [str(BIN / "python"), "-m", "pytest", "-q", *arguments]
    if arguments:
        return subprocess.call(pytest, cwd=ROOT)
    began = time.monotonic()
    for name, step in STEPS:
        started = time.monotonic()
        print(f"── {name}", flush=True)
        step()
        print(f"   {time.monotonic() - started:.1f} s", flush=True)
    alone = "browser or journey or faults"
    side_by_side = ["-n", "2", "--dist", "loadfile", "-m", f"not ({alone})"]
    codes = [
        subprocess.call([*pytest, "--durations=10", *how], cwd=ROOT)
        for how in (side_by_side, ["-m", alone])
    ]
    print(f"gate: {time.monotonic() - began:.0f} s", flush=True)
    return max(codes)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

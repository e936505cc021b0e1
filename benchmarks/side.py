"""What all measurements share: figures with their aims, the machine, the result file.

A measurement runs ours and the yardstick side by side in the same run, in turns (A B A B), and
takes the median of the rounds: absolute speed differs from machine to machine, ratios hardly.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import uvloop

from shared.platform.embedded.postgres import Postgres

RESULTS = Path(__file__).parent / "results"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A measured value and what it should be: at least `least`, or at most `most`.

    `ours` and `beside`: of a ratio, what it was made of, as text for the README's table.
    """

    name: str
    value: float
    least: float | None = None
    most: float | None = None
    unit: str = "×"
    ours: str = ""
    beside: str = ""

    @property
    def met(self) -> bool:
        """Whether the value is what it should be."""
        above = self.least is None or self.value >= self.least
        return above and (self.most is None or self.value <= self.most)

    @property
    def told(self) -> str:
        """The aim in words."""
        return f"≥ {self.least:g}" if self.most is None else f"≤ {self.most:g}"


@dataclass(slots=True)
class Report:
    """What a measurement found: scale, figures of both sides, values with their aims."""

    name: str
    scale: Mapping[str, Any]
    full: bool
    figures: dict[str, Any] = field(default_factory=dict[str, Any])
    aims: list[Aim] = field(default_factory=list[Aim])
    postgres: str = ""

    def tell(self, text: str) -> None:
        """A line for who is watching."""
        print(f"  {text}", flush=True)

    def finish(self) -> None:
        """Print the values; at full scale, keep them in `benchmarks/results`."""
        for aim in self.aims:
            mark = "yes" if aim.met else "NO"
            value = f"{aim.value:.3g} {aim.unit}"
            print(f"  {aim.name:<58} {value:>14}   aim {aim.told} {aim.unit:<4} met {mark}")
        if not self.full:
            print("  (not at full scale: nothing written)", flush=True)
            return
        RESULTS.mkdir(exist_ok=True)
        content = {
            "name": self.name,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine() | {"postgresql": self.postgres},
            "scale": dict(self.scale),
            "figures": self.figures,
            "aims": [
                {
                    "name": aim.name,
                    "value": rounded(aim.value),
                    "unit": aim.unit,
                    "aim": aim.told,
                    "met": aim.met,
                }
                | ({"ours": aim.ours, "beside": aim.beside} if aim.ours else {})
                for aim in self.aims
            ],
        }
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (RESULTS / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """What the numbers were taken on: no names, no places."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def postgres_version(server: Postgres) -> str:
    """The version of the binaries a server runs on."""
    with psycopg.connect(server.admin_url) as connection:
        row = connection.execute("show server_version").fetchone()
    return str(row[0]) if row else ""


def rounded(value: float) -> float:
    """Four significant digits: the rest is noise."""
    return float(f"{value:.4g}")


def median(values: Sequence[float]) -> float:
    """The middle of the rounds."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]


class Watch:
    """Seconds since it was made, or of a `with` block."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.seconds = 0.0

    def read(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._began


@contextmanager
def watched() -> Iterator[Watch]:
    """Time a block: `seconds` stands when it ends."""
    watch = Watch()
    yield watch
    watch.seconds = watch.read()


async def in_turns(rounds: int, *sides: Callable[[], Awaitable[float]]) -> tuple[list[float], ...]:
    """Measure every side `rounds` times, in turns."""
    found: tuple[list[float], ...] = tuple([] for _ in sides)
    for _ in range(rounds):
        for side, values in zip(sides, found, strict=True):
            values.append(await side())
    return found


def measure(
    name: str,
    about: str,
    body: Callable[[argparse.Namespace, Report], Awaitable[None]],
    arguments: Sequence[str] | None = None,
    **sizes: Any,
) -> None:
    """Run a measurement as a program; every size is an option, `--quick` takes its second value.

    `sizes`: option name → (value at full scale, value of a quick run).
    """
    parser = argparse.ArgumentParser(prog=f"yinqi bench {name}", description=about)
    parser.add_argument("--quick", action="store_true", help="a short run that proves it works")
    for option, (full, _) in sizes.items():
        kind = type(full)
        parser.add_argument(f"--{option.replace('_', '-')}", type=kind, default=None)
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    for option, (full, quick) in sizes.items():
        if getattr(given, option) is None:
            setattr(given, option, quick if given.quick else full)
    scale = {option: getattr(given, option) for option in sizes}
    is_full = all(scale[option] == full for option, (full, _) in sizes.items())
    report = Report(name, scale, is_full)
    print(f"{name}: {about} ({', '.join(f'{k} {v}' for k, v in scale.items())})", flush=True)
    # Told to stop, a measurement ends its servers and removes its folder, as on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(body(given, report))
    report.finish()

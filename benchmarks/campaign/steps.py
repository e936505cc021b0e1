"""What a step of the campaign costs: its progress while it runs, its time and memory afterwards."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from benchmarks.campaign.api import Api

PROC = Path("/proc")
EVERY_SECONDS = 0.5
MIB = 1024.0


@dataclass(slots=True)
class Cost:
    """One step: seconds, requests sent, highest memory of the platform and of this driver."""

    step: str
    seconds: float = 0.0
    requests: int = 0
    platform_mib: float = 0.0
    driver_mib: float = 0.0
    notes: list[str] = field(default_factory=list[str])


class Memory:
    """Watches the memory of all processes of the platform, and of this one.

    Resident memory, shared pages counted once (PSS): the server processes of PostgreSQL share most
    of theirs. Where the kernel does not tell (no /proc), all numbers stay 0.
    """

    def __init__(self, home: Path) -> None:
        self._state = home / "run" / "state.json"
        self._highest = [0.0, 0.0]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="memory")
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()
        self._thread.join()

    def take(self) -> tuple[float, float]:
        """The highest values since the last call: platform, driver."""
        highest, self._highest = self._highest, [0.0, 0.0]
        return highest[0], highest[1]

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            own = _pss_mib(os.getpid())
            others = sum(_pss_mib(pid) for pid in self._processes())
            self._highest = [max(self._highest[0], others), max(self._highest[1], own)]

    def _processes(self) -> set[int]:
        try:
            units = json.loads(self._state.read_text())["units"].values()
        except (OSError, ValueError, KeyError):
            return set()
        found = {unit["pid"] for unit in units if unit.get("pid")}
        children: dict[int, list[int]] = {}
        for folder in PROC.glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            children.setdefault(parent, []).append(int(folder.name))
        waiting = list(found)
        while waiting:
            below = children.get(waiting.pop(), [])
            found.update(below)
            waiting.extend(below)
        return found


def _pss_mib(pid: int) -> float:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / MIB for line in lines if line.startswith("Pss:")), 0.0)


class Step:
    """A running step: tell it how much there is to do, and what has been done."""

    def __init__(self, progress: Progress, task: TaskID, cost: Cost) -> None:
        self._progress = progress
        self._task = task
        self._cost = cost

    def of(self, total: int) -> None:
        """How much there is to do from here on."""
        self._progress.update(self._task, total=max(total, 1), completed=0)

    def done(self, count: int = 1) -> None:
        """Some of it is done."""
        self._progress.advance(self._task, count)

    def at(self, share: float) -> None:
        """A share of the whole is done."""
        self._progress.update(self._task, total=100, completed=round(share * 100))

    def finish(self) -> None:
        """All of it is done."""
        task = self._progress.tasks[0]
        total = task.total or 1
        self._progress.update(self._task, total=total, completed=total)

    def note(self, text: str) -> None:
        """Something worth reading afterwards."""
        self._cost.notes.append(text)


class Steps:
    """All steps of a run, in order."""

    def __init__(self, console: Console, memory: Memory, api: Api) -> None:
        self.console = console
        self.costs: list[Cost] = []
        self.now = ""
        self._memory = memory
        self._api = api

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run a step under a progress bar and keep its cost."""
        self.now = title
        cost = Cost(title)
        self._memory.take()
        began, before = time.monotonic(), self._api.requests
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, refresh_per_second=4) as progress:
            step = Step(progress, progress.add_task(title, total=None), cost)
            yield step
            step.finish()
        cost.seconds = round(time.monotonic() - began, 2)
        cost.requests = self._api.requests - before
        cost.platform_mib, cost.driver_mib = (round(mib) for mib in self._memory.take())
        self.costs.append(cost)
        for note in cost.notes:
            self.console.print(f"[dim]    {note}[/]")

    def table(self) -> Table:
        """Time and memory of every step."""
        table = Table(title="各步骤耗时与内存 time and memory per step")
        table.add_column("步骤 step")
        for name in ("秒 s", "请求 requests", "平台内存 MiB", "驱动内存 MiB"):
            table.add_column(name, justify="right")
        for cost in self.costs:
            table.add_row(*_shown(cost))
        whole = Cost(
            "合计 total",
            round(sum(cost.seconds for cost in self.costs), 1),
            sum(cost.requests for cost in self.costs),
            max((cost.platform_mib for cost in self.costs), default=0.0),
            max((cost.driver_mib for cost in self.costs), default=0.0),
        )
        table.add_section()
        table.add_row(*_shown(whole))
        return table

    def plain(self) -> list[dict[str, object]]:
        """The costs as plain values."""
        return [asdict(cost) for cost in self.costs]


def _shown(cost: Cost) -> tuple[str, ...]:
    return (
        cost.step,
        f"{cost.seconds:.1f}",
        f"{cost.requests:,}",
        f"{cost.platform_mib:,.0f}",
        f"{cost.driver_mib:,.0f}",
    )

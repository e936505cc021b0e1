"""How much memory processes have had: a high-water mark of the kernel's, not a sample."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

EVERY_SECONDS = 0.05


def most_kib(pid: int | str = "self") -> int:
    """The most memory a process has had; 0 where it has just ended.

    Raises: OSError, where there is no such process.
    """
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next((line.split()[1] for line in lines if line.startswith("VmHWM")), 0))


class Peak:
    """The largest of what has been seen, in KiB."""

    kib = 0

    @property
    def gib(self) -> float:
        """The same in GiB."""
        return self.kib / 2**20


@asynccontextmanager
async def children_watched(pid: int) -> AsyncIterator[Peak]:
    """The most that any process begun by `pid` has had meanwhile: they may end at any time."""
    peak = Peak()
    watch = asyncio.create_task(_watch(pid, peak))
    try:
        yield peak
    finally:
        _look(pid, peak)
        watch.cancel()


async def _watch(pid: int, peak: Peak) -> None:
    while True:
        _look(pid, peak)
        await asyncio.sleep(EVERY_SECONDS)


def _look(pid: int, peak: Peak) -> None:
    with suppress(OSError, psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(OSError):
                peak.kib = max(peak.kib, most_kib(child.pid))

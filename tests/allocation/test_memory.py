"""The memory of a process that ends before its parent is measured while it lives."""

import asyncio
import os
import sys

from benchmarks.memory import children_watched, most_kib


async def test_U8_the_memory_of_the_process_that_solves_is_not_its_parents() -> None:
    before = most_kib()
    async with children_watched(os.getpid()) as apart:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import time; much = b'x' * (600 << 20); time.sleep(0.5)"
        )
        await child.wait()
    assert apart.gib > 0.5
    assert most_kib() < before + (300 << 10)

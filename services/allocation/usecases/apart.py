"""Solve beside the event loop: the kernel in a thread, the joint form in a process of its own.

The joint form's library keeps the interpreter to itself: in a thread, nothing else would go on.
"""

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from threading import Thread

from services.allocation.domain.planning import CityPlan
from services.allocation.domain.publishing import Task, solve
from services.allocation.domain.tasks import Form


@asynccontextmanager
async def solver(form: Form) -> AsyncIterator[Callable[[Task], Awaitable[CityPlan]]]:
    """What solves tasks of a form, one after the other, while the loop goes on.

    Whoever leaves does not wait for a solve that nobody wants any more: its process is killed.
    """
    if form == "kernel":
        yield lambda task: asyncio.to_thread(solve, task)
        return
    loop, apart = asyncio.get_running_loop(), multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, mp_context=apart, initializer=_end_with_parent)
    try:
        yield lambda task: loop.run_in_executor(pool, solve, task)
    finally:
        # A pool has no public way to end what it is at before Python 3.14.
        made = pool._processes or {}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        for child in tuple(made.values()):
            child.kill()
        pool.shutdown(wait=False)


def _end_with_parent() -> None:
    """A process whose parent was killed ends too, at the latest after the solve it is at."""
    Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # it is only called in a process that another has made
    parent.join()
    os._exit(1)

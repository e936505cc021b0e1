"""How numba compiles the kernel: once for a machine, kept beside the code, without the GIL."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first use; the machine code is kept in `__pycache__` (or `NUMBA_CACHE_DIR`)."""
    return cast("Callable[P, R]", njit(cache=True, nogil=True)(function))

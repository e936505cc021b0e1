"""How numba compiles the kernel: once for a machine, kept beside the code, without the GIL.

Where the code's folder is read-only (a container), the machine code is kept in the temporary
folder, and is made again when that is empty: `warm_up` does so in the background.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

if not os.access(Path(__file__).parent, os.W_OK):
    os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "yinqi-kernel"))

from numba import njit  # reads its environment when it is imported

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first use, or take what an earlier process has compiled."""
    return cast("Callable[P, R]", njit(cache=True, nogil=True)(function))

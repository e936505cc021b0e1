"""The only place that reads the machine's clock.

Use cases take the time of their transaction (`tx.now`), which the database gives: all processes
then agree, and the simulated clock of a demonstration moves them together. What is left here is
real time, for token lifetimes and timeouts.
"""

import time
from datetime import UTC, datetime


def unix_now() -> int:
    """Whole seconds since 1970, real time: for token lifetimes."""
    return int(time.time())


def monotonic() -> float:
    """Seconds of a clock that never goes back: for timeouts and pacing."""
    return time.monotonic()


def utc_now() -> datetime:
    """Real time with its zone: for log lines and process state only."""
    return datetime.now(UTC)

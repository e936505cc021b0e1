"""Identifiers: time-ordered for new things, derived for things with a natural key."""

import secrets
import threading
import time
from datetime import date
from functools import cache
from hashlib import sha1
from typing import Final
from uuid import UUID, uuid5

# Never change: every stored identifier of a natural key hangs on it.
_ROOT: Final = UUID("6f1c2a54-93c7-5b0e-8c1d-2f6b7a0e49d1")
_VERSION_5: Final = 0x5 << 76 | 0b10 << 62
_VERSION_CLEARED: Final = ~(0xF << 76 | 0b11 << 62)
_RANDOM_BITS: Final = 74
_STEP_BITS: Final = 32
_RAND_B_BITS: Final = 62

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562): millisecond time, then random, increasing in this process.

    The time only orders identifiers in an index; no rule reads it, so it does not come from
    the platform clock, and a clock that steps back does not break the order.
    """
    global _last  # noqa: PLW0603 - the order within a process is this one number
    fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    with _lock:
        _last = fresh if fresh > _last else _last + 1 + secrets.randbits(_STEP_BITS)
        value = _last
    rand_b = value & ((1 << _RAND_B_BITS) - 1)
    rand_a = (value >> _RAND_B_BITS) & 0xFFF
    time_ms = value >> _RANDOM_BITS
    return UUID(int=time_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def derived_id(namespace: str, *parts: str | int | date | UUID) -> UUID:
    """Return the UUIDv5 of a natural key: the same parts give the same id in every service.

    Each part carries its length, so that ("ab", "c") and ("a", "bc") differ.

    Units:   none; callers pass parts in their normal written form.
    Raises:  ValueError, where there is no part or one is empty.
    Source:  docs: identity of things.
    """
    texts = [str(part) for part in parts]
    if not texts or not all(texts):
        raise ValueError(f"a natural key of {namespace} has no empty part")
    # The same as uuid5, without its detours: lists make these by the hundred thousand.
    name = "".join([f"{len(text)}:{text}" for text in texts])
    digest = sha1(_namespace(namespace) + name.encode(), usedforsecurity=False).digest()
    return UUID(int=int.from_bytes(digest[:16]) & _VERSION_CLEARED | _VERSION_5)


@cache
def _namespace(name: str) -> bytes:
    return uuid5(_ROOT, name).bytes

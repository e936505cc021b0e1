"""Identifiers: time-ordered for new things, derived for things with a natural key."""

import secrets
import threading
import time
from datetime import date
from functools import cache
from hashlib import sha1
from itertools import accumulate
from typing import Final
from uuid import UUID, SafeUUID, uuid5

# Never change: every stored identifier of a natural key hangs on it.
_ROOT: Final = UUID("6f1c2a54-93c7-5b0e-8c1d-2f6b7a0e49d1")
_VERSION_5: Final = 0x5 << 76 | 0b10 << 62
_VERSION_CLEARED: Final = ~(0xF << 76 | 0b11 << 62)
_RANDOM_BITS: Final = 74
_STEP_BITS: Final = 32
_RAND_B_BITS: Final = 62
_RAND_B: Final = (1 << _RAND_B_BITS) - 1

# A UUID refuses to be changed, but is a plain object with two slots.
_set_int = UUID.int.__set__  # pyright: ignore[reportAttributeAccessIssue]
_set_safe = UUID.is_safe.__set__  # pyright: ignore[reportAttributeAccessIssue]
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
    return _version_7(value)


def new_ids(count: int) -> list[UUID]:
    """Return as many of them, in order, at a third of the time of one by one.

    Only the first draws all random bits; each next one lies a random step behind the one before, as
    identifiers of one millisecond do anyway.

    Raises:  ValueError, where `count` is negative.
    """
    global _last  # noqa: PLW0603 - the order within a process is this one number
    steps = memoryview(secrets.token_bytes(4 * count)).cast("I")
    fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    with _lock:
        values = list(accumulate(steps, _behind, initial=max(fresh, _last)))
        _last = values[-1]
    return [_version_7(value) for value in values[1:]]


def _behind(value: int, step: int) -> int:
    return value + 1 + step


def _version_7(value: int) -> UUID:
    rand_b = value & _RAND_B
    rand_a = (value >> _RAND_B_BITS) & 0xFFF
    time_ms = value >> _RANDOM_BITS
    return _uuid(time_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def _uuid(value: int) -> UUID:
    """Return `UUID(int=value)` without its look at what it was given."""
    made = object.__new__(UUID)
    _set_int(made, value)
    _set_safe(made, SafeUUID.unknown)
    return made


def derived_id(namespace: str, *parts: str | int | date | UUID) -> UUID:
    """Return the UUIDv5 of a natural key: the same parts give the same id in every service.

    Each part carries its length, so that ("ab", "c") and ("a", "bc") differ.

    Units:   none; callers pass parts in their normal written form.
    Raises:  ValueError, where there is no part or one is empty.
    Source:  docs: identity of things.
    """
    texts = list(map(str, parts))
    if not texts or "" in texts:
        raise ValueError(f"a natural key of {namespace} has no empty part")
    # The same as uuid5, without its detours: lists make these by the hundred thousand.
    name = f"{len(texts[0])}:{texts[0]}"
    if len(texts) > 1:
        name = "".join([f"{len(text)}:{text}" for text in texts])
    digest = sha1(_namespace(namespace) + name.encode(), usedforsecurity=False).digest()
    return _uuid(int.from_bytes(digest[:16]) & _VERSION_CLEARED | _VERSION_5)


@cache
def _namespace(name: str) -> bytes:
    return uuid5(_ROOT, name).bytes

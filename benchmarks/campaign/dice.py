"""Choices that follow from the seed and a name alone, so that no order of answers changes them."""

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

T = TypeVar("T")


class Dice:
    """Draws without a stream: the same seed and parts give the same answer, whenever asked."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._root = uuid5(NAMESPACE_URL, f"yinqi-demo/{seed}")

    def unit(self, *parts: object) -> float:
        """A number from [0, 1)."""
        text = "\x1f".join([str(self._seed), *map(str, parts)])
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) * 2.0**-53

    def chance(self, share: float, *parts: object) -> bool:
        """True for a share of all names."""
        return self.unit(*parts) < share

    def below(self, limit: int, *parts: object) -> int:
        """An integer from 0 to limit - 1."""
        return min(int(self.unit(*parts) * limit), limit - 1)

    def pick(self, items: Sequence[T], *parts: object) -> T:
        """One of the items."""
        return items[self.below(len(items), *parts)]

    def day(self, first: date, last: date, *parts: object) -> date:
        """A day from `first` to `last`, both included."""
        return first + timedelta(days=self.below((last - first).days + 1, *parts))

    def order(self, items: Sequence[T], *parts: object) -> list[T]:
        """The items in a drawn order; each must have a lasting text form."""
        return sorted(items, key=lambda item: (self.unit("order", *parts, item), str(item)))

    def id(self, *parts: object) -> UUID:
        """An identifier that the client makes: a repeat of the same run gives the same one."""
        return uuid5(self._root, "\x1f".join(map(str, parts)))

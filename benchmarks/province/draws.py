"""Random draws that stay the same on every machine and in every version.

NumPy promises a stable bit stream for PCG64, not stable distributions: so only raw bits are
taken, and every distribution is made here. Each table has its own stream, so that a change to
one table leaves the others as they were.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Draws:
    """One stream of draws, named by the seed and a path of numbers."""

    def __init__(self, seed: int, *path: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=path))

    def unit(self, n: int) -> Floats:
        """Draw n numbers from [0, 1)."""
        return np.asarray(self._bits.random_raw(n) >> np.uint64(11), dtype=np.float64) * 2.0**-53

    def one(self) -> float:
        """Draw one number from [0, 1)."""
        return float(self.unit(1)[0])

    def normal(self, n: int) -> Floats:
        """Draw n standard normal numbers, rounded so that libraries cannot differ."""
        radius: Floats = np.sqrt(-2.0 * np.log1p(-self.unit(n)))
        turn: Floats = np.cos(2 * np.pi * self.unit(n))
        return np.asarray(np.round(radius * turn, 9), dtype=np.float64)

    def below(self, limit: int, n: int) -> Ints:
        """Draw n integers from 0 to limit - 1."""
        return np.minimum((self.unit(n) * limit).astype(np.int64), limit - 1)

    def weighted(self, weights: Sequence[float] | Floats, n: int) -> Ints:
        """Draw n indexes in proportion to the weights."""
        steps = np.cumsum(np.asarray(weights, dtype=np.float64))
        found = np.searchsorted(steps / steps[-1], self.unit(n), side="right")
        return np.minimum(found, len(steps) - 1).astype(np.int64)

    def chance(self, share: float, n: int) -> NDArray[np.bool_]:
        """Draw n answers, True for a share of them."""
        return self.unit(n) < share

    def order(self, n: int) -> Ints:
        """Draw an order of 0 to n - 1."""
        return np.argsort(self.unit(n), kind="stable").astype(np.int64)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in a drawn order."""
        return [items[i] for i in self.order(len(items))]

    def pick(self, items: Sequence[T], n: int) -> list[T]:
        """Draw n items, each as likely as the other."""
        return [items[i] for i in self.below(len(items), n)]


def apportion(weights: Sequence[float] | Floats, total: int, floor: int = 0) -> Ints:
    """Share `total` by largest remainder, each share at least `floor`."""
    w = np.asarray(weights, dtype=np.float64)
    spare = total - floor * len(w)
    exact = w / w.sum() * spare
    share = np.floor(exact).astype(np.int64)
    share[np.argsort(share - exact, kind="stable")[: spare - int(share.sum())]] += 1
    return share + floor

"""The county an enterprise stood in on a day, from the dated slices credit knows of (ST-07)."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date

Slices = Sequence[tuple[date, str]]


def region_on(slices: Slices, day: date) -> str:
    """Return the county in force on `day`; before the first slice, that of the first.

    A loan may be older than the list which first named the enterprise: its oldest known place is
    then the best there is.

    Units:   six-digit county code; `slices` ordered by their first day.
    Raises:  LookupError, where there is no slice at all.
    Source:  ST-07.
    """
    if not slices:
        raise LookupError("an enterprise without any region")
    index = bisect_right(slices, day, key=lambda piece: piece[0])
    return slices[max(index - 1, 0)][1]

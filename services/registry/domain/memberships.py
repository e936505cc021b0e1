"""How long an enterprise is on the national list: each entry for a year, renewed or lapsed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from services.registry.domain.verdicts import years_before


@dataclass(frozen=True, slots=True)
class Membership:
    """An unbroken time on the list: its first and last day, and the lists that gave it."""

    first_on: date
    last_on: date
    vintages: tuple[str, ...]


def first_day(vintage: date) -> date:
    """Return the first day that is counted where this list says an enterprise is.

    A list is of the end of its day: it opens the year after and moves nothing in the one before.

    Units:   local dates.
    Raises:  nothing.
    Source:  TS-07, R4.
    """
    return vintage + timedelta(days=1)


def last_day(vintage: date) -> date:
    """Return the last day of the year that an entry of this list is for.

    Units:   local dates.
    Raises:  nothing.
    Source:  TS-07.
    """
    return years_before(vintage, -1) - timedelta(days=1)


def memberships(vintages: Iterable[str]) -> list[Membership]:
    """Return the unbroken times on the list; a renewal by the day after the last one joins them.

    Units:   local dates.
    Raises:  ValueError, where a vintage is no date.
    Source:  TS-07.
    """
    found: list[Membership] = []
    for text in sorted(vintages):
        day = date.fromisoformat(text)
        if found and day <= found[-1].last_on + timedelta(days=1):
            before = found.pop()
            found.append(Membership(before.first_on, last_day(day), (*before.vintages, text)))
        else:
            found.append(Membership(day, last_day(day), (text,)))
    return found

"""Classes of a loan by a dated definition, computed and never taken from the bank (ST-03, C9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from shared.contracts.credit import SecurityType

LONG_TERM_MONTHS: Final = 12
_DAY: Final = timedelta(days=1)
_MONTHS_A_YEAR: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The classes a loan is in; it may be in several. `definition` names what decided."""

    definition: str
    medium_long: bool
    unsecured: bool
    ip_pledged: bool


Definition = Callable[[date, date, Sequence[SecurityType]], Classes]


def months_later(day: date, months: int) -> date:
    """Return the same day of the month `months` later, or that month's last day.

    Units:   whole months; local dates.
    Raises:  nothing for years a calendar has.
    Source:  ST-03.
    """
    year, month = divmod(day.year * _MONTHS_A_YEAR + day.month - 1 + months, _MONTHS_A_YEAR)
    first_of_next = date(year + (month + 1) // _MONTHS_A_YEAR, (month + 1) % _MONTHS_A_YEAR + 1, 1)
    last = first_of_next - _DAY
    return last.replace(day=min(day.day, last.day))


def classify(granted_on: date, matures_on: date, securities: Sequence[SecurityType]) -> Classes:
    """Return the classes of a loan under the definition in force on its grant date.

    Units:   local dates.
    Raises:  nothing.
    Source:  ST-03.
    """
    in_force = next(rule for since, rule in reversed(DEFINITIONS) if since <= granted_on)
    return in_force(granted_on, matures_on, securities)


def _st_03_1(granted_on: date, matures_on: date, securities: Sequence[SecurityType]) -> Classes:
    # Exactly twelve months is short; a single mortgage beside "unsecured" makes it secured.
    return Classes(
        definition="ST-03.1",
        medium_long=matures_on > months_later(granted_on, LONG_TERM_MONTHS),
        unsecured=set(securities) == {"unsecured"},
        ip_pledged="ip_pledge" in securities,
    )


#: Oldest first. A new definition is added with its first day and never edits an old one, so that a
#: loan keeps the classes it was granted with.
DEFINITIONS: Final[tuple[tuple[date, Definition], ...]] = ((date.min, _st_03_1),)

"""Days, months and quarters of the province, and where a day ends (ST-05)."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from shared.kernel.errors import BadInput

# The province has had one offset since 1991; a fixed one needs no zone files on the host.
SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")

_MONTHS: Final = 12
_QUARTERS: Final = 4
_QUARTER = re.compile(r"([12][0-9]{3})Q([1-4])")
_MONTH = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])")


def shanghai(instant: datetime) -> date:
    """Return the province's calendar day at `instant`.

    Units:   aware instant in, local date out.
    Raises:  ValueError, where the instant carries no zone.
    Source:  ST-05.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone has no day")
    return instant.astimezone(SHANGHAI).date()


def start_of_day(day: date) -> datetime:
    """Return the first instant of a local day.

    Units:   local date in, aware instant out.
    Raises:  nothing.
    Source:  ST-05.
    """
    return datetime.combine(day, time.min, SHANGHAI)


def end_of_day(day: date) -> datetime:
    """Return the last instant of a local day, to the microsecond the database keeps.

    "Known on 15 October" means known at or before this instant.

    Units:   local date in, aware instant out.
    Raises:  nothing.
    Source:  ST-05.
    """
    return datetime.combine(day, time.max, SHANGHAI)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One calendar month, written `2022-07`."""

    year: int
    number: int

    def __post_init__(self) -> None:
        """Refuse a month outside 1–12."""
        if not 1 <= self.number <= _MONTHS:
            raise ValueError(f"there is no month {self.number}")

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Read `2022-07`; BadInput `period.month_format` otherwise."""
        found = _MONTH.fullmatch(text)
        if found is None:
            raise BadInput("period.month_format", "月份格式不正确", "应为 2022-07 的形式")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> "Month":
        """Return the month a day lies in."""
        return cls(day.year, day.month)

    @property
    def first_on(self) -> date:
        """The first day."""
        return date(self.year, self.number, 1)

    @property
    def last_on(self) -> date:
        """The last day."""
        return date(self.year, self.number, calendar.monthrange(self.year, self.number)[1])

    @property
    def quarter(self) -> "Quarter":
        """The quarter it belongs to."""
        return Quarter(self.year, (self.number + 2) // 3)

    def next(self) -> "Month":
        """Return the month after this one."""
        return Month.of(self.last_on + timedelta(days=1))

    def __contains__(self, day: date) -> bool:
        """Tell whether a day lies in it."""
        return self.first_on <= day <= self.last_on

    def __str__(self) -> str:
        """Write it as `2022-07`."""
        return f"{self.year:04d}-{self.number:02d}"


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """One quarter of a calendar year, written `2022Q3`; bulletins are published by it."""

    year: int
    number: int

    def __post_init__(self) -> None:
        """Refuse a quarter outside 1–4."""
        if not 1 <= self.number <= _QUARTERS:
            raise ValueError(f"there is no quarter {self.number}")

    @classmethod
    def parse(cls, text: str) -> "Quarter":
        """Read `2022Q3`.

        Units:   none.
        Raises:  BadInput `period.quarter_format`.
        Source:  JS-22.
        """
        found = _QUARTER.fullmatch(text)
        if found is None:
            raise BadInput("period.quarter_format", "季度格式不正确", "应为 2022Q3 的形式")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> "Quarter":
        """Return the quarter a day lies in."""
        return Month.of(day).quarter

    @property
    def months(self) -> tuple[Month, Month, Month]:
        """Its three months in order."""
        first = 3 * self.number - 2
        return (Month(self.year, first), Month(self.year, first + 1), Month(self.year, first + 2))

    @property
    def first_on(self) -> date:
        """The first day."""
        return self.months[0].first_on

    @property
    def last_on(self) -> date:
        """The last day, the cut-off of its stocks."""
        return self.months[2].last_on

    @property
    def year_first_on(self) -> date:
        """1 January of its year, where year-to-date figures begin."""
        return date(self.year, 1, 1)

    def next(self) -> "Quarter":
        """Return the quarter after this one."""
        return Quarter.of(self.last_on + timedelta(days=1))

    def previous(self) -> "Quarter":
        """Return the quarter before this one."""
        return Quarter.of(self.first_on - timedelta(days=1))

    def __contains__(self, day: date) -> bool:
        """Tell whether a day lies in it."""
        return self.first_on <= day <= self.last_on

    def __str__(self) -> str:
        """Write it as `2022Q3`."""
        return f"{self.year:04d}Q{self.number}"

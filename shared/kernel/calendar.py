"""Working days of the province: the week, with the State Council's yearly exceptions.

Each year's exceptions are published in the autumn before it; a day past the published years
has no answer, and the calendar says so instead of guessing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType

from shared.kernel import tables
from shared.kernel.errors import YinqiError

_DAY = timedelta(days=1)
_SATURDAY = 6


class CalendarGap(YinqiError):
    """The working-day table does not reach the day asked for."""

    default_status = 409

    def __init__(self, day: date) -> None:
        super().__init__(
            "calendar.gap", "工作日历未覆盖该日期", f"{day.isoformat()} 尚无工作日安排"
        )
        self.day = day


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Working days between two dates; `exceptions` maps a day to True where it is worked."""

    first_on: date
    last_on: date
    exceptions: Mapping[date, bool]

    def is_working_day(self, day: date) -> bool:
        """Tell whether the day is worked.

        Units:   local date.
        Raises:  CalendarGap, where the table does not reach `day`.
        Source:  JL-22, JS-25.
        """
        if not self.first_on <= day <= self.last_on:
            raise CalendarGap(day)
        return self.exceptions.get(day, day.isoweekday() < _SATURDAY)

    def next_working_day(self, day: date) -> date:
        """Return the first working day after `day`, which itself never counts.

        Units:   local date.
        Raises:  CalendarGap, where the table ends first.
        Source:  JL-22.
        """
        # The table is finite and is_working_day raises at its end, so this always stops.
        following = day + _DAY
        while not self.is_working_day(following):
            following += _DAY
        return following

    def add_working_days(self, day: date, days: int) -> date:
        """Return the last of the `days` working days that follow `day`; 0 gives `day` itself.

        Units:   working days; local dates.
        Raises:  CalendarGap, where the table ends first; ValueError for a negative count.
        Source:  JL-22, "within 5 working days".
        """
        if days < 0:
            raise ValueError("working days are counted forward only")
        for _ in range(days):
            day = self.next_working_day(day)
        return day

    def working_days_between(self, after: date, until: date) -> int:
        """Count working days in (`after`, `until`]: how many of a limit are used up.

        Units:   working days; 0 where `until` is not later than `after`.
        Raises:  CalendarGap, where the table does not reach the span.
        Source:  JL-22, "the remaining time is always visible".
        """
        span = range(1, (until - after).days + 1)
        return sum(self.is_working_day(after + timedelta(days=n)) for n in span)

    def extended(self, last_on: date, exceptions: Mapping[date, bool]) -> "WorkCalendar":
        """Return a calendar that also covers the days to `last_on`, with their exceptions."""
        merged = MappingProxyType({**self.exceptions, **exceptions})
        return replace(self, last_on=max(last_on, self.last_on), exceptions=merged)


@cache
def packaged() -> WorkCalendar:
    """Return the calendar shipped with the product."""
    covers = next(
        line.split() for line in tables.lines("work_calendar.csv") if line.startswith("# covers ")
    )
    exceptions = {
        date.fromisoformat(row["day"]): row["kind"] == "work"
        for row in tables.rows("work_calendar.csv")
    }
    return WorkCalendar(
        first_on=date.fromisoformat(covers[2]),
        last_on=date.fromisoformat(covers[3]),
        exceptions=MappingProxyType(exceptions),
    )

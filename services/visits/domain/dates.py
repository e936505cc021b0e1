"""When a visit may have been, and when it is due (JS-11, ST-05)."""

from datetime import date, datetime

from services.visits.domain.model import Assigned, CampaignDates, TaskState
from shared.kernel.errors import BadInput, FieldError
from shared.kernel.periods import shanghai


def check_visited_on(
    visited_on: date, *, opens_on: date, today: date, closed_on: date | None = None
) -> None:
    """A visit lies between the campaign's opening and today; a late one is taken and shown as late.

    Nothing lies after the day on which the campaign ended.

    Units:   local dates.
    Raises:  BadInput `visit.date_in_future`, `visit.date_before_campaign`, `.date_after_campaign`.
    Source:  JS-11, ST-05, M2.
    """
    if visited_on > today:
        raise _wrong_date("visit.date_in_future", f"走访日期不能晚于今天({today})")
    if visited_on < opens_on:
        raise _wrong_date("visit.date_before_campaign", f"走访日期不能早于活动启动日({opens_on})")
    if closed_on and visited_on > closed_on:
        raise _wrong_date(
            "visit.date_after_campaign", f"活动已于 {closed_on} 结束,走访日期应在此前"
        )


def _wrong_date(code: str, message: str) -> BadInput:
    return BadInput(code, "走访日期有误", message, errors=[FieldError("visited_on", code, message)])


def date_flags(
    visited_on: date,
    *,
    started_at: datetime | None,
    campaign: CampaignDates,
    assignment: Assigned,
) -> list[str]:
    """What is unusual about the day: outside the visit window, before the assignment, clock doubt.

    Units:   local dates; `started_at` is an instant.
    Raises:  nothing.
    Source:  JS-11, V9.
    """
    found = {
        "before_window": visited_on < campaign.visits_from,
        "late": visited_on > campaign.visits_until,
        "before_assignment": assignment.assigned_on is not None
        and visited_on < assignment.assigned_on,
        "clock_doubtful": started_at is not None and shanghai(started_at) != visited_on,
    }
    return [flag for flag, holds in found.items() if holds]


def task_state(*, visited: bool, due_on: date, today: date) -> TaskState:
    """How an assigned enterprise stands with its bank; the due day itself is still in time.

    Units:   local dates.
    Raises:  nothing.
    Source:  JS-11.
    """
    if visited:
        return "visited"
    return "overdue" if today > due_on else "due"

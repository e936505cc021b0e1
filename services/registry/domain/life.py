"""The life of an enterprise: when two may become one, and what a disposition says."""

from datetime import date
from typing import Final, Literal, get_args
from uuid import UUID

from shared.kernel.errors import BadInput, Conflict, Refused, RuleViolation

Disposition = Literal["cancelled", "moved_away", "unreachable", "refused", "no_need"]
DISPOSITIONS: Final[tuple[str, ...]] = get_args(Disposition)


def check_day(day: date, today: date) -> None:
    """Refuse a day in the future.

    Units:   days of the province's calendar.
    Raises:  RuleViolation `change.in_future`.
    Source:  R3.
    """
    if day > today:
        raise RuleViolation("change.in_future", "生效日期不能晚于今天")


def stated(reason: str) -> str:
    """Return a reason without blanks around it.

    Units:   none.
    Raises:  BadInput `change.reason_missing`.
    Source:  R3, R9.
    """
    text = reason.strip()
    if not text:
        raise BadInput("change.reason_missing", "请填写变更原因")
    return text


def check_merger(
    survivor_id: UUID,
    merged_id: UUID,
    *,
    survivor_is_gone: bool,
    merged_is_gone: bool,
    merged_holds_others: bool,
) -> None:
    """Two may become one where neither counts under another already; chains are not made.

    Units:   none.
    Raises:  BadInput `merge.same`; Conflict `merge.already_merged`, `merge.chain`.
    Source:  R3.
    """
    if survivor_id == merged_id:
        raise BadInput("merge.same", "不能与自身合并")
    if survivor_is_gone or merged_is_gone:
        raise Conflict("merge.already_merged", "其中一家已经合并到别家", "请先撤销原合并")
    if merged_holds_others:
        raise Conflict("merge.chain", "被合并的企业之下还有已合并的企业", "请先撤销原合并")


def check_second_person(claimed_by: str, decided_by: str) -> None:
    """Who claims does not decide.

    Units:   none.
    Raises:  Refused `approval.same_person`.
    Source:  R9.
    """
    if claimed_by == decided_by:
        raise Refused("approval.same_person", "须由另一人复核", "申请人不能复核自己的申请")

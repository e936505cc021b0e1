"""Unveiling a person: for a stated purpose, within a day's budget."""

from typing import Final, Literal, get_args

from shared.kernel.errors import BadInput, RuleViolation

Purpose = Literal[
    "arrange_visit", "follow_up", "verification", "complaint", "subject_request", "other"
]
PURPOSES: Final[tuple[str, ...]] = get_args(Purpose)
MIN_REASON: Final = 4


def check_reason(reason: str) -> str:
    """Return the stated reason without blanks around it.

    Units:   none.
    Raises:  BadInput `reveal.reason_missing`.
    Source:  M5.
    """
    stated = reason.strip()
    if len(stated) < MIN_REASON:
        raise BadInput(
            "reveal.reason_missing",
            "请写明查看用途",
            f"至少 {MIN_REASON} 个字,说明为何需要联系方式",
        )
    return stated


def check_budget(used: int, budget: int) -> None:
    """Refuse what goes beyond the day's budget; `used` counts this one.

    Units:   persons unveiled per account and day.
    Raises:  RuleViolation 429 `reveal.budget_used`.
    Source:  M5, S12.
    """
    if used > budget:
        raise RuleViolation(
            "reveal.budget_used",
            "今日查看次数已用完",
            f"每人每天最多查看 {budget} 次,明天可继续;确有需要请联系上级机构",
            status=429,
        )

"""The arithmetic of lines and loans: what may be drawn, repaid and booked back (ST-04, ST-10, C7).

A loan's account knows its movements by day, so that a back-dated one (C12) is judged on its own day
and on all days after it: no cut-off, past or present, may show a negative or too large balance.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from shared.kernel.errors import FieldError
from shared.kernel.money import yuan


@dataclass(slots=True, kw_only=True)
class LineAccount:
    """A line as a batch sees it; `outstanding_fen` is the sum of its loans' balances."""

    line_id: UUID
    amount_fen: int
    outstanding_fen: int


@dataclass(slots=True, kw_only=True)
class LoanAccount:
    """A loan as a batch sees it; moved in memory row by row, written once at the end."""

    loan_id: UUID
    enterprise_id: UUID
    outlet_id: UUID
    new_money: bool
    amount_fen: int
    granted_on: date
    line: LineAccount | None = None
    drawn_fen: int = 0
    repaid_fen: int = 0
    days: list[date] = field(default_factory=list[date])
    drawn_steps: list[int] = field(default_factory=list[int])
    balance_steps: list[int] = field(default_factory=list[int])

    @property
    def balance_fen(self) -> int:
        """Outstanding principal now."""
        return self.drawn_fen - self.repaid_fen

    @property
    def last_moved_on(self) -> date | None:
        """Business day of the latest movement."""
        return self.days[-1] if self.days else None

    def highest_drawn_from(self, day: date) -> int:
        """The highest net amount drawn at the end of `day` or of any later day."""
        return max(self._ends(self.drawn_fen, self.drawn_steps, day))

    def lowest_balance_from(self, day: date) -> int:
        """The lowest balance at the end of `day` or of any later day."""
        return min(self._ends(self.balance_fen, self.balance_steps, day))

    def _ends(self, now: int, steps: list[int], day: date) -> list[int]:
        # Movements of one day stand together: an end of day is read before its last step is undone.
        ends, later = [now], None
        for index in range(len(self.days) - 1, -1, -1):
            if self.days[index] <= day:
                break
            if later is not None and self.days[index] != later:
                ends.append(now)
            later = self.days[index]
            now -= steps[index]
        return [*ends, now] if later is not None else ends

    def move(self, day: date, *, drawn: int = 0, repaid: int = 0) -> None:
        """Take a movement in: `drawn` is negative for a reversal."""
        index = bisect_right(self.days, day)
        self.days.insert(index, day)
        self.drawn_steps.insert(index, drawn)
        self.balance_steps.insert(index, drawn - repaid)
        self.drawn_fen += drawn
        self.repaid_fen += repaid
        if self.line:
            self.line.outstanding_fen += drawn - repaid


@dataclass(slots=True, kw_only=True)
class Drawdown:
    """A drawdown with what is left of it to be booked back."""

    drawdown_id: UUID
    loan: LoanAccount
    amount_fen: int
    reversed_fen: int
    drawn_on: date


def refuse_drawdown(
    loan: LoanAccount, *, amount_fen: int, drawn_on: date, today: date
) -> list[FieldError]:
    """Say why money may not be drawn; empty where it may.

    The sum drawn, net of what was booked back, stays within the loan on every day; the balances of
    all loans under a line stay within the line.

    Units:   fen; local dates.
    Raises:  nothing.
    Source:  ST-04, C7.
    """
    errors = _dated("drawn_on", drawn_on, loan.granted_on, today)
    used = loan.highest_drawn_from(drawn_on)
    if used + amount_fen > loan.amount_fen:
        errors.append(_beyond("drawdown.over_loan", "贷款金额", loan.amount_fen, used, amount_fen))
    line = loan.line
    if line and line.outstanding_fen + amount_fen > line.amount_fen:
        used = line.outstanding_fen
        errors.append(_beyond("drawdown.over_line", "授信额度", line.amount_fen, used, amount_fen))
    return errors


def refuse_repayment(
    loan: LoanAccount, *, principal_fen: int, repaid_on: date, today: date
) -> list[FieldError]:
    """Say why principal cannot have been repaid; empty where it can.

    Units:   fen; local dates.
    Raises:  nothing.
    Source:  ST-04.
    """
    errors = _dated("repaid_on", repaid_on, loan.granted_on, today)
    owed = loan.lowest_balance_from(repaid_on)
    if principal_fen > owed:
        message = f"当日及以后最低余额{yuan(owed)}元,本次还款{yuan(principal_fen)}元"
        errors.append(FieldError("principal", "repayment.over_balance", message))
    return errors


def refuse_reversal(
    drawdown: Drawdown, *, amount_fen: int, reversed_on: date, today: date
) -> list[FieldError]:
    """Say why a drawdown cannot be booked back by this much; empty where it can.

    Units:   fen; local dates.
    Raises:  nothing.
    Source:  ST-10, C12.
    """
    errors = _dated("reversed_on", reversed_on, drawdown.drawn_on, today)
    if drawdown.reversed_fen + amount_fen > drawdown.amount_fen:
        errors.append(
            _beyond(
                "reversal.over_drawdown",
                "该笔放款",
                drawdown.amount_fen,
                drawdown.reversed_fen,
                amount_fen,
            )
        )
    owed = drawdown.loan.lowest_balance_from(reversed_on)
    if amount_fen > owed:
        message = f"当日及以后最低余额{yuan(owed)}元,冲正{yuan(amount_fen)}元后余额为负"
        errors.append(FieldError("amount", "reversal.over_balance", message))
    return errors


def _dated(where: str, day: date, earliest: date, today: date) -> list[FieldError]:
    errors = in_the_past(where, day, today)
    if day < earliest:
        errors.append(FieldError(where, "date.too_early", f"不得早于{earliest.isoformat()}"))
    return errors


def in_the_past(where: str, day: date, today: date) -> list[FieldError]:
    """Refuse a business date after today: what has not happened is not booked.

    Units:   local dates.
    Raises:  nothing.
    Source:  ST-05.
    """
    if day <= today:
        return []
    return [FieldError(where, "date.in_future", f"不得晚于今天({today.isoformat()})")]


def _beyond(code: str, label: str, limit: int, used: int, asked: int) -> FieldError:
    over = limit - used - asked
    message = f"{label}{yuan(limit)}元,已用{yuan(used)}元,本次{yuan(asked)}元,超出{yuan(-over)}元"
    return FieldError("amount", code, message)

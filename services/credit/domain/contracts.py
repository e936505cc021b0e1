"""When a line or a loan contract may be entered in the book (C7, ST-10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.credit.domain.book import in_the_past
from services.credit.domain.regions import Slices
from services.credit.domain.rows import LineRow, LoanRow, OutletRef
from shared.kernel.errors import FieldError
from shared.kernel.ids import derived_id
from shared.kernel.money import yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """An enterprise as credit knows it."""

    enterprise_id: UUID
    slices: Slices


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTerms:
    """What of a line binds the loans under it."""

    line_id: UUID
    enterprise_id: UUID
    amount_fen: int
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What rows of lines and loans are judged against, all of one institution."""

    institution_code: str | None
    outlets: frozenset[UUID]
    firms: Mapping[str, Firm]
    lines: Mapping[str, LineTerms]


def outlet_of(reference: OutletRef, around: Surroundings) -> UUID | FieldError:
    """Return the outlet a row means, or why there is none; another bank's outlet is unknown here.

    Units:   none.
    Raises:  nothing.
    Source:  I4, "unknown code … never guessed".
    """
    outlet_id, code = reference.outlet_id, reference.outlet_code
    if outlet_id is None and code and around.institution_code:
        outlet_id = derived_id("outlet", around.institution_code, code)
    if outlet_id is None or outlet_id not in around.outlets:
        where = "outlet_id" if reference.outlet_id else "outlet_code"
        return FieldError(where, "outlet.unknown", "本机构没有此网点")
    return outlet_id


def firm_of(uscc: str, around: Surroundings) -> Firm | FieldError:
    """Return the enterprise of a credit code, or that the platform does not know it.

    Units:   none.
    Raises:  nothing.
    Source:  JS-01, I4.
    """
    found = around.firms.get(uscc)
    return found or FieldError("uscc", "enterprise.unknown", "平台名单中没有此统一社会信用代码")


def refuse_line(row: LineRow, today: date) -> list[FieldError]:
    """Say what is wrong with a line's dates; empty where nothing is.

    Units:   local dates.
    Raises:  nothing.
    Source:  ST-04.
    """
    errors = in_the_past("approved_on", row.approved_on, today)
    if row.valid_until < row.valid_from:
        errors.append(FieldError("valid_until", "line.ends_before_start", "授信止期早于起期"))
    return errors


def refuse_loan(
    row: LoanRow, line: LineTerms | None, firm: Firm, now: datetime
) -> list[FieldError]:
    """Say why a loan may not be entered; empty where it may.

    Units:   local dates.
    Raises:  nothing.
    Source:  C7, ST-02.
    """
    errors = in_the_past("granted_on", row.granted_on, now.date())
    if row.matures_on <= row.granted_on:
        errors.append(FieldError("matures_on", "loan.matures_too_early", "到期日须晚于发放日"))
    if row.booked_at > now:
        errors.append(FieldError("booked_at", "date.in_future", "记账时间不得晚于现在"))
    return errors + (_outside_line(row, line, firm) if line else [])


def _outside_line(row: LoanRow, line: LineTerms, firm: Firm) -> list[FieldError]:
    if line.enterprise_id != firm.enterprise_id:
        return [FieldError("line_external_id", "loan.line_of_another", "该授信不属于此企业")]
    errors: list[FieldError] = []
    if row.amount_fen > line.amount_fen:
        message = f"授信额度{yuan(line.amount_fen)}元,贷款{yuan(row.amount_fen)}元"
        errors.append(FieldError("amount", "loan.over_line", message))
    if not line.valid_from <= row.granted_on <= line.valid_until:
        message = f"授信有效期{line.valid_from.isoformat()}至{line.valid_until.isoformat()}"
        errors.append(FieldError("granted_on", "loan.outside_line_dates", message))
    return errors

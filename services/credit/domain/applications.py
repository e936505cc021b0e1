"""Applications and the bank's decision: the bank alone decides, and says why not (JS-03, C5)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.credit.domain.products import catalogue
from services.credit.domain.reasons import REASONS
from shared.kernel.errors import BadInput, Conflict
from shared.kernel.money import yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """What an application asks for: the same filing again is the same application."""

    application_id: UUID
    campaign_id: UUID | None
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    product_code: str
    amount_fen: int
    filed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the bank decided.

    `remark` tells why more was approved than applied for, or adds words to a decline. The tolerance
    of bad loans and the exemption from liability are noted so that they can be reported (JS-30).
    """

    approved: bool
    amount_fen: int | None
    reason_code: str | None
    remark: str
    npl_tolerance: bool | None
    due_diligence_exempt: bool | None
    decided_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application with its decision, if there is one.

    `on_own_list`: the enterprise was on the institution's list on the day; if not, the bank came to
    it on its own initiative (JS-21).
    """

    filing: Filing
    product_version: int
    region_code: str
    on_own_list: bool
    decision: Decision | None

    @property
    def state(self) -> str:
        """`filed`, `approved` or `declined`."""
        if self.decision is None:
            return "filed"
        return "approved" if self.decision.approved else "declined"


def check_filing(filing: Filing, today: date) -> None:
    """Refuse an application for nothing, or of a day that has not come.

    Units:   fen; local dates.
    Raises:  BadInput `application.amount_zero`, `date.in_future`.
    Source:  JS-15.
    """
    if filing.amount_fen <= 0:
        raise BadInput("application.amount_zero", "申请金额须大于零")
    _not_in_future("申请日", filing.filed_on, today)


def check_decision(application: Application, decision: Decision, today: date) -> None:
    """Refuse a second decision, an unexplained one, or one dated wrongly.

    Units:   fen; local dates.
    Raises:  Conflict `application.decided`; BadInput `decision.*`, `date.in_future`.
    Source:  JS-03, JS-16, C5.
    """
    if application.decision is not None:
        raise Conflict("application.decided", "该申请已有结论", application.state)
    _not_in_future("决定日", decision.decided_on, today)
    filed_on = application.filing.filed_on
    if decision.decided_on < filed_on:
        raise BadInput("decision.before_filing", "决定日早于申请日", filed_on.isoformat())
    if decision.approved:
        _check_approval(application.filing.amount_fen, decision)
    else:
        _check_decline(decision)


def above_limit(application: Application, decision: Decision) -> bool:
    """Tell whether more is approved than the product allows, by the version applied for.

    Units:   fen.
    Raises:  nothing for a version of the catalogue.
    Source:  JS-15, C1, M2.
    """
    code, version = application.filing.product_code, application.product_version
    limits = [p.limit_fen for p in catalogue() if (p.code, p.version) == (code, version)]
    return decision.approved and (decision.amount_fen or 0) > limits[0]


def _check_approval(applied_fen: int, decision: Decision) -> None:
    if decision.reason_code is not None:
        raise BadInput("decision.reason_on_approval", "批准不得带拒绝原因")
    if not decision.amount_fen:
        raise BadInput("decision.amount_missing", "批准须写明大于零的金额")
    if decision.amount_fen > applied_fen and not decision.remark.strip():
        detail = f"申请{yuan(applied_fen)}元,批准{yuan(decision.amount_fen)}元,请在 remark 中说明"
        raise BadInput("decision.amount_above_applied", "批准金额高于申请金额须说明原因", detail)


def _check_decline(decision: Decision) -> None:
    if decision.amount_fen:
        raise BadInput("decision.amount_on_decline", "拒绝不得带批准金额")
    if not decision.reason_code:
        raise BadInput("decision.reason_missing", "拒绝须给出原因代码", "、".join(REASONS))
    if decision.reason_code not in REASONS:
        raise BadInput("decision.reason_unknown", "原因代码不在清单中", "、".join(REASONS))


def _not_in_future(label: str, day: date, today: date) -> None:
    if day > today:
        raise BadInput("date.in_future", f"{label}不得晚于今天", today.isoformat())

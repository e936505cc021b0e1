"""Maker and checker: what needs a second person, who that may be, and when a request is over."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.kernel.errors import BadInput, Conflict, FieldError, Refused
from shared.kernel.permissions import TwoPeople, two_people
from shared.platform.principal import Principal

VALID_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A request and what became of it: open, approved, rejected, withdrawn, or expired while open.

    `payload` is the body of the call that is to be made, `payload_sha256` its digest
    (`shared.kernel.payload`), `institution_id` the maker's bank.
    """

    approval_id: UUID
    action: str
    subject: str
    summary: str
    payload_sha256: str
    requested_by: UUID
    institution_id: UUID | None
    requested_at: datetime
    expires_at: datetime
    state: str = "open"
    decided_by: UUID | None = None
    decided_at: datetime | None = None
    reason: str = ""
    payload: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def title(self) -> str:
        """What is to be done, for people; what takes two people no more keeps its code."""
        known = two_people().get(self.action)
        return known.title if known else self.action


def action_named(name: str) -> TwoPeople:
    """What is known of an action.

    Raises: BadInput `approval.action`.
    """
    try:
        return two_people()[name]
    except KeyError as error:
        known = "、".join(sorted(two_people()))
        wrong = FieldError("action", "approval.action", f"可选:{known}")
        raise BadInput("approval.action", "此操作不需要复核", errors=[wrong]) from error


def may_see(approval: Approval, caller: Principal) -> bool:
    """The maker, whoever may decide, and those who watch over everything."""
    if caller.sees_all or caller.role == "auditor" or caller.account_id == approval.requested_by:
        return True
    return caller.role in _checkers(approval) and _same_side(approval, caller)


def _checkers(approval: Approval) -> frozenset[str]:
    known = two_people().get(approval.action)
    return known.checkers if known else frozenset()


def _same_side(approval: Approval, caller: Principal) -> bool:
    return caller.sees_all or caller.institution_id == approval.institution_id


def must_be_maker(action: TwoPeople, caller: Principal) -> None:
    """Refuse whoever may not do the thing anyway.

    Raises: Refused `access.role`.
    """
    if caller.role not in action.makers:
        raise Refused("access.role", "当前账号没有此项权限", f"“{action.title}”不由此角色提出")


def must_be_checker(approval: Approval, caller: Principal) -> None:
    """Refuse the maker, everyone without the right, and what is decided or over.

    Raises: Refused `access.role`, `approval.same_person`; Conflict `approval.decided`, `.expired`.
    """
    if caller.role not in _checkers(approval):
        raise Refused("access.role", "当前账号没有此项权限", f"“{approval.title}”不由此角色复核")
    if caller.account_id in (None, approval.requested_by):
        raise Refused("approval.same_person", "不能复核自己提出的申请", "须由另一名有权人员复核")
    must_be_open(approval)


def must_be_open(approval: Approval) -> None:
    """Refuse what is decided, withdrawn or over.

    Raises: Conflict `approval.decided`, `.expired`.
    """
    if approval.state == "expired":
        raise Conflict("approval.expired", "该申请已过期", "请申请人重新提出")
    if approval.state != "open":
        raise Conflict("approval.decided", "该申请已有复核结论或已撤回")

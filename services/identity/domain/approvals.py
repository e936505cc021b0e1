"""Maker and checker: what needs a second person, who that may be, and when a request is over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.identity import Role
from shared.kernel.errors import BadInput, Conflict, FieldError, Refused
from shared.platform.principal import Principal

VALID_DAYS = 3


@dataclass(frozen=True, slots=True)
class Action:
    """Something that takes two people: its name for people, who asks for it, who agrees to it."""

    title: str
    makers: frozenset[Role]
    checkers: frozenset[Role]


_REGULATOR: frozenset[Role] = frozenset(("province_regulator",))
ACTIONS: Mapping[str, Action] = {
    "bulletin.publish": Action("发布通报", _REGULATOR, _REGULATOR),
    "plan.publish": Action("发布分配方案", _REGULATOR, _REGULATOR),
    "assignment.override": Action("人工调整分配", _REGULATOR, _REGULATOR),
    "campaign.close": Action("结束专项行动", _REGULATOR, _REGULATOR),
    "enterprise.erase": Action("删除个人信息", _REGULATOR, _REGULATOR),
    "risk_pool.cap": Action("调整风险补偿上限", _REGULATOR, _REGULATOR),
    "visit.void": Action(
        "作废走访记录",
        frozenset(("bank_head", "branch_head", "province_regulator")),
        frozenset(("bank_head", "province_regulator")),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A request and what became of it: open, approved or rejected.

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


def action_named(name: str) -> Action:
    """What is known of an action.

    Raises: BadInput `approval.action`.
    """
    try:
        return ACTIONS[name]
    except KeyError as error:
        known = "、".join(sorted(ACTIONS))
        wrong = FieldError("action", "approval.action", f"可选:{known}")
        raise BadInput("approval.action", "此操作不需要复核", errors=[wrong]) from error


def may_see(approval: Approval, caller: Principal) -> bool:
    """The maker, whoever may decide, and those who watch over everything."""
    if caller.sees_all or caller.role == "auditor" or caller.account_id == approval.requested_by:
        return True
    return caller.role in ACTIONS[approval.action].checkers and _same_side(approval, caller)


def _same_side(approval: Approval, caller: Principal) -> bool:
    return caller.sees_all or caller.institution_id == approval.institution_id


def must_be_maker(action: Action, caller: Principal) -> None:
    """Refuse whoever may not do the thing anyway.

    Raises: Refused `access.role`.
    """
    caller.must_be(*action.makers)


def must_be_checker(approval: Approval, caller: Principal, now: datetime) -> None:
    """Refuse the maker, everyone without the right, and what is decided or over.

    Raises: Refused `access.role`, `approval.same_person`; Conflict `approval.decided`, `.expired`.
    """
    caller.must_be(*ACTIONS[approval.action].checkers)
    if caller.account_id in (None, approval.requested_by):
        raise Refused("approval.same_person", "不能复核自己提出的申请", "须由另一名有权人员复核")
    if approval.state != "open":
        raise Conflict("approval.decided", "该申请已有复核结论")
    if approval.expires_at <= now:
        raise Conflict("approval.expired", "该申请已过期", "请申请人重新提出")

"""After publication: returns with a decision clock, claims, hand-overs, suggestions, capacities."""

from dataclasses import dataclass
from uuid import UUID

from services.allocation.domain.contacts import Naming, people_faults
from services.allocation.domain.returns import REASONS, decision_due_on
from services.allocation.domain.suggesting import Suggestion, suggest
from services.allocation.store import assignments, lifecycle
from services.allocation.store.lifecycle import Claim, Return, SetCapacity
from services.allocation.usecases.contacts import NameContacts, RowAnswer, name_contacts
from services.allocation.usecases.finding import find_campaign, open_one, running_one
from shared.contracts.allocation import (
    EnterpriseClaimed,
    EnterpriseUnassigned,
    ReturnAsked,
    ReturnDecided,
)
from shared.kernel.calendar import packaged
from shared.kernel.errors import BadInput, Conflict, NotFound, Refused
from shared.kernel.ids import new_id
from shared.platform.database import Transaction

MOST_HANDED_OVER = 5_000


@dataclass(frozen=True, slots=True)
class AskReturn:
    """Ask the bureau to take an enterprise back."""

    assignment_id: UUID
    reason_code: str
    note: str


@dataclass(frozen=True, slots=True)
class DecideReturn:
    """Grant a return, or not."""

    return_id: UUID
    granted: bool
    note: str


@dataclass(frozen=True, slots=True)
class MakeClaim:
    """Take on an enterprise outside the own list."""

    campaign_id: UUID
    enterprise_id: UUID
    outlet_id: UUID | None
    staff_id: UUID | None


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give everything one person answers for to another."""

    from_staff_id: UUID
    to_staff_id: UUID
    to_outlet_id: UUID


@dataclass(frozen=True, slots=True)
class SetCapacities:
    """What institutions can take in a city, as the bureau sees it."""

    campaign_id: UUID
    rows: tuple[SetCapacity, ...]


async def ask_return(command: AskReturn, tx: Transaction) -> Return:
    """Ask for a return: the duty stays until the bureau decides (A8).

    Raises: NotFound `assignment.unknown`; BadInput `return.reason_unknown`;
    Conflict `assignment.ended`, `assignment.return_already_asked`.
    """
    if command.reason_code not in REASONS:
        known = "、".join(f"{code}({text})" for code, text in REASONS.items())
        raise BadInput("return.reason_unknown", "没有这个退回原因", f"可用:{known}")
    held = await assignments.lock_rows(tx, [command.assignment_id])
    row = held.get(command.assignment_id)
    if row is None or row.institution_id is None:
        raise NotFound("assignment.unknown", "分配不存在或无权查看")
    if row.ended_on is not None:
        raise Conflict("assignment.ended", "该分配已结束")
    await running_one(tx, row.campaign_id)
    asked = Return(
        return_id=new_id(),
        assignment_id=row.assignment_id,
        campaign_id=row.campaign_id,
        enterprise_id=row.enterprise_id,
        institution_id=row.institution_id,
        region_code=row.region_code,
        reason_code=command.reason_code,
        note=command.note,
        asked_on=tx.today,
        due_on=decision_due_on(tx.today, packaged()),
    )
    if not await lifecycle.add_return(tx, asked):
        raise Conflict("assignment.return_already_asked", "退回申请已提交")
    tx.emit(
        ReturnAsked(
            return_id=asked.return_id,
            assignment_id=asked.assignment_id,
            enterprise_id=asked.enterprise_id,
            campaign_id=asked.campaign_id,
            institution_id=asked.institution_id,
            reason_code=asked.reason_code,
            asked_on=asked.asked_on,
            due_on=asked.due_on,
        )
    )
    tx.audit("return.asked", asked.return_id, after={"reason_code": asked.reason_code})
    return asked


async def decide_return(command: DecideReturn, tx: Transaction) -> Return:
    """Decide a return: granted, the assignment ends and the next plan finds another bank (A8).

    Where the campaign is over, it can only be refused (M2).

    Raises: NotFound `return.unknown`; Conflict `return.decided`, `campaign.closed`,
    `assignment.ended`.
    """
    asked = await lifecycle.lock_return(tx, command.return_id)
    if asked is None:
        raise NotFound("return.unknown", "没有这个退回申请")
    if asked.decided_on is not None:
        raise Conflict("return.decided", "退回申请已经决定")
    if command.granted:
        await running_one(tx, asked.campaign_id)
        await _end(tx, asked)
    await lifecycle.decide(tx, asked.return_id, granted=command.granted, note=command.note)
    tx.emit(
        ReturnDecided(
            return_id=asked.return_id,
            assignment_id=asked.assignment_id,
            enterprise_id=asked.enterprise_id,
            campaign_id=asked.campaign_id,
            institution_id=asked.institution_id,
            granted=command.granted,
            decided_on=tx.today,
        )
    )
    tx.audit("return.decided", asked.return_id, after={"granted": command.granted})
    decided = await lifecycle.lock_return(tx, asked.return_id)
    assert decided is not None  # it was locked above
    return decided


async def _end(tx: Transaction, asked: Return) -> None:
    tier = await lifecycle.end_assignment(tx, asked.assignment_id, "returned")
    if tier is None:
        raise Conflict("assignment.ended", "该分配已结束")
    tx.emit(
        EnterpriseUnassigned(
            assignment_id=asked.assignment_id,
            enterprise_id=asked.enterprise_id,
            campaign_id=asked.campaign_id,
            tier=tier,
            institution_id=asked.institution_id,
            reason="returned",
            unassigned_on=tx.today,
        )
    )


async def make_claim(command: MakeClaim, tx: Transaction) -> Claim:
    """Record a claim beside the assigned institution's duty (JS-21).

    Raises: Refused `access.no_institution`; NotFound `campaign.unknown`,
    `claim.not_enrolled`; Conflict `claim.not_yours`, `claim.own_list`, `claim.exists`.
    """
    institution_id = tx.principal.institution_id
    if institution_id is None:
        raise Refused("access.no_institution", "当前账号没有所属机构")
    await running_one(tx, command.campaign_id)
    await _must_be_own(command, institution_id, tx)
    ids = (command.campaign_id, command.enterprise_id)
    async with tx.beyond_walls():  # a claim is of an enterprise that is another's, or nobody's
        region = await lifecycle.region_if_enrolled(tx, *ids)
        holder = await lifecycle.holder(tx, *ids)
    if region is None:
        raise NotFound("claim.not_enrolled", "该企业没有参加本次活动")
    if holder == institution_id:
        raise Conflict("claim.own_list", "该企业已在本机构名单内", "名单内的企业无需认领")
    claim = Claim(
        claim_id=new_id(),
        campaign_id=command.campaign_id,
        enterprise_id=command.enterprise_id,
        institution_id=institution_id,
        region_code=region,
        outlet_id=command.outlet_id or tx.principal.outlet_id,
        staff_id=command.staff_id,
        claimed_on=tx.today,
    )
    if not await lifecycle.add_claim(tx, claim):
        raise Conflict("claim.exists", "本机构已经认领该企业")
    tx.emit(
        EnterpriseClaimed(
            claim_id=claim.claim_id,
            enterprise_id=claim.enterprise_id,
            campaign_id=claim.campaign_id,
            institution_id=institution_id,
            region_code=region,
            claimed_on=claim.claimed_on,
        )
    )
    tx.audit("claim.made", claim.claim_id)
    return claim


async def _must_be_own(command: MakeClaim, institution_id: UUID, tx: Transaction) -> None:
    """A claim names a branch and a person of the bank that claims (JS-08, JS-12).

    Raises: Conflict `claim.not_yours`.
    """
    outlet_id, staff_id = command.outlet_id, command.staff_id
    known = await assignments.known_today(
        tx, [outlet_id] if outlet_id else [], [staff_id] if staff_id else []
    )
    own = tx.principal.outlet_id if tx.principal.role == "branch_head" else None
    faults = people_faults(outlet_id, staff_id, institution_id, known, own_outlet_id=own)
    if faults:
        raise Conflict(
            "claim.not_yours",
            "认领只能指定本机构的网点和在册人员",
            "请改用本机构的网点和人员,或不填",
            errors=list(faults),
        )


async def hand_over(command: HandOver, tx: Transaction) -> list[RowAnswer]:
    """Give all a person answers for to another, row by row, the history kept (A9).

    Raises: NotFound `contact.nobody`.
    """
    ids = await lifecycle.held_by(tx, command.from_staff_id, MOST_HANDED_OVER)
    if not ids:
        raise NotFound("contact.nobody", "该人员名下没有企业")
    rows = tuple(Naming(one, command.to_outlet_id, command.to_staff_id) for one in ids)
    return await name_contacts(NameContacts(rows), tx)


async def suggestions(tx: Transaction, campaign_id: UUID, limit: int) -> tuple[Suggestion, ...]:
    """Contacts that might be named: the nearest outlet's person with the least load (A6).

    Raises: NotFound `campaign.unknown`.
    """
    await find_campaign(tx, campaign_id)
    waiting = await lifecycle.waiting(tx, campaign_id, limit)
    return suggest(waiting, await lifecycle.people(tx))


async def set_capacities(command: SetCapacities, tx: Transaction) -> list[SetCapacity]:
    """Set capacities for the next plan; a bureau for its own city (A2).

    Raises: Refused `access.not_your_city`; NotFound `campaign.unknown`; Conflict
    `campaign.enrolling`.
    """
    await open_one(tx, command.campaign_id)
    prefix = tx.principal.city_prefix()
    if wrong := [one.city_code for one in command.rows if not one.city_code.startswith(prefix)]:
        raise Refused("access.not_your_city", "只能核定本市机构的服务能力", "、".join(wrong))
    await lifecycle.set_capacities(tx, command.campaign_id, command.rows)
    tx.audit("capacity.set", command.campaign_id, after={"rows": len(command.rows)})
    return list(command.rows)

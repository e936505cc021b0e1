"""Unveil a person, correct one, find one by telephone, and see who looked (M5)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.registry.domain.parties import PERSONS
from services.registry.domain.reveals import Purpose, check_budget, check_reason
from services.registry.settings import Settings
from services.registry.store import parties, persons, queries, reveals
from services.registry.store.persons import Person, Subject
from services.registry.store.queries import Enterprise, Wanted
from services.registry.store.reveals import Alarm, Reveal
from shared.kernel import permissions
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.ids import new_id
from shared.platform.database import Transaction
from shared.platform.logging import log


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealPerson:
    """Unveil an enterprise's legal representative, or a person of the directory, for a purpose."""

    subject_id: UUID
    purpose: Purpose
    reason: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Revealed:
    """An unveiling, and how much of the day's budget is used."""

    reveal: Reveal
    used: int
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectPerson:
    """What the enterprise says its person's data are."""

    enterprise_id: UUID
    person: Person


@dataclass(frozen=True, slots=True)
class LookUpPhone:
    """Whose telephone is it?"""

    phone: str
    purpose: Purpose
    reason: str
    settings: Settings


async def reveal_person(command: RevealPerson, tx: Transaction) -> Revealed:
    """Open a subject's person to the caller for some minutes; counted, audited and listed.

    Raises: NotFound `enterprise.unknown`, `person.unknown`; BadInput
    `reveal.reason_missing`; RuleViolation 429 `reveal.budget_used`.
    """
    reason = check_reason(command.reason)
    await _in_sight(tx, command.subject_id)
    person = await persons.find_person(tx, command.subject_id)
    if not person.known:
        raise NotFound("person.unknown", "没有这家企业或这位人员的个人信息")
    settings = command.settings
    used = await _spend(tx, settings.reveals_per_day)
    reveal = Reveal(
        reveal_id=new_id(),
        subject_id=command.subject_id,
        account_id=tx.principal.account_id or UUID(int=0),
        role=tx.principal.role or "system",
        institution_id=tx.principal.institution_id,
        purpose=command.purpose,
        reason=reason,
        at=tx.now,
        ends_at=reveals.shows_until(tx.now, settings.reveal_minutes),
    )
    await reveals.add(tx, reveal)
    tx.audit(
        "person.revealed",
        command.subject_id,
        after={"reveal_id": reveal.reveal_id, "purpose": command.purpose, "used": used},
    )
    return Revealed(reveal, used, settings.reveals_per_day)


async def _spend(tx: Transaction, budget: int) -> int:
    used = await reveals.spend(tx, budget)
    check_budget(used, budget)
    if used == budget:
        await reveals.raise_alarm(tx)
        tx.audit("person.budget_used", tx.principal.name, after={"budget": budget})
        log().warning("vault.budget_used", account=tx.principal.name, budget=budget)
    return used


async def open_reveal(tx: Transaction, reveal_id: UUID) -> Person:
    """What an unveiling shows, to the one who asked, until it ends.

    Raises: NotFound `reveal.unknown`; Conflict `reveal.ended`.
    """
    reveal = await reveals.find(tx, reveal_id)
    if reveal is None or reveal.account_id != tx.principal.account_id:
        raise NotFound("reveal.unknown", "没有这次查看")
    if tx.now >= reveal.ends_at:
        raise Conflict("reveal.ended", "查看时间已过", "如仍需要,请重新说明用途")
    await _in_sight(tx, reveal.subject_id)
    return await persons.find_person(tx, reveal.subject_id)


async def reveals_of(
    tx: Transaction, enterprise_id: UUID, before: datetime | None, limit: int
) -> list[Reveal]:
    """Who looked at an enterprise's person, and why: for itself and for those who supervise.

    Raises: NotFound `enterprise.unknown`.
    """
    await seen(tx, enterprise_id)
    return await reveals.of_subject(tx, enterprise_id, before=before, limit=limit)


async def budget_alarms(tx: Transaction, limit: int) -> list[Alarm]:
    """Accounts that used up a day's budget."""
    return await reveals.alarms(tx, limit)


async def correct_person(command: CorrectPerson, tx: Transaction) -> Person:
    """Put right what is kept of an enterprise's person; masked in return.

    Raises: NotFound `enterprise.unknown`; Conflict `person.erased`.
    """
    await seen(tx, command.enterprise_id)
    await persons.put_persons(tx, [Subject(command.enterprise_id, "enterprise", command.person)])
    kept = await persons.find_person(tx, command.enterprise_id)
    if not kept.known:
        raise Conflict("person.erased", "该企业联系人信息已按申请删除,不再保存")
    tx.audit("person.corrected", command.enterprise_id)
    return kept.masked()


async def look_up_phone(command: LookUpPhone, tx: Transaction) -> list[Enterprise]:
    """The enterprises within the caller's sight that have this telephone; it counts as a reveal.

    Raises: BadInput `reveal.reason_missing`; RuleViolation
    `reveal.budget_used`.
    """
    check_reason(command.reason)
    used = await _spend(tx, command.settings.reveals_per_day)
    ids = await persons.subjects_by_phone(tx, command.phone, 50)
    found = await queries.find_enterprises(tx, Wanted(ids=tuple(ids), limit=50)) if ids else []
    tx.audit(
        "person.looked_up",
        tx.principal.name,
        after={"purpose": command.purpose, "found": len(found), "used": used},
    )
    return found


async def _in_sight(tx: Transaction, subject_id: UUID) -> None:
    """A person of the directory is for those who supervise; an enterprise's for who sees that one.

    Raises: NotFound `enterprise.unknown`.
    """
    if not await _supervised(tx, subject_id):
        await seen(tx, subject_id)


async def _supervised(tx: Transaction, subject_id: UUID) -> bool:
    """Whether it is a person of the directory within the caller's province or city (S02)."""
    role = tx.principal.role
    scope = permissions.scope_of(role, "person", "reveal") if role else "province"
    if scope not in ("province", "city"):
        return False
    if await parties.kind_of(tx, subject_id) not in PERSONS:
        return False
    # The member of a task force belongs to a bank and has no city.
    place = (await parties.slices_of(tx, subject_id))[-1].region_code
    return place is None or place.startswith(tx.principal.city_prefix())


async def seen(tx: Transaction, enterprise_id: UUID) -> Enterprise:
    """An enterprise within the caller's sight.

    Raises: NotFound `enterprise.unknown`.
    """
    found = await queries.find_enterprise(tx, enterprise_id)
    if found is None:
        raise NotFound("enterprise.unknown", "没有这家企业,或不在您的管辖范围内")
    return found

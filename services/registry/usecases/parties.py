"""The directory: enter parties with a day and a reason, and see it as it stood on any day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from services.registry.domain.parties import PERSONS, Slice, check, check_no_circle
from services.registry.store import parties as store
from services.registry.store.parties import Party, WantedParties
from services.registry.store.persons import (
    NOBODY,
    Person,
    Subject,
    find_person,
    masked_names,
    put_persons,
)
from shared.contracts.registry import PartyChanged, PartyKind
from shared.kernel.errors import BadInput, NotFound, RuleViolation
from shared.kernel.ids import derived_id
from shared.kernel.region import region
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterParty:
    """A party as it is from a day on. `parent` names its place as (kind, code)."""

    kind: PartyKind
    code: str
    name: str
    parent: tuple[PartyKind, str] | None
    region_code: str | None
    details: dict[str, Any]
    active: bool
    valid_from: date
    reason: str


def party_id_of(kind: PartyKind, code: str) -> UUID:
    """The id of a party: banks have that of their institution; of an outlet `code` is BANK/CODE."""
    match kind:
        case "bank":
            return derived_id("institution", code)
        case "outlet" if "/" in code:
            return derived_id("outlet", *code.split("/", 1))
        case _:
            return derived_id(f"party.{kind}", code)


async def enter_parties(commands: Sequence[EnterParty], tx: Transaction) -> list[UUID]:
    """Enter parties, parents before children; all or none.

    Of a person who was erased the place in the tree is kept and nothing else (S22).

    Raises: BadInput `party.*`, `region.unknown`; RuleViolation `party.circle`, `party.before_last`,
    `party.in_future`.
    """
    return [await _enter(command, tx) for command in commands]


async def _enter(command: EnterParty, tx: Transaction) -> UUID:
    party_id = party_id_of(command.kind, command.code)
    parent_id = party_id_of(*command.parent) if command.parent else None
    if command.valid_from > tx.today:
        raise RuleViolation("party.in_future", "生效日期不能晚于今天", command.code)
    if command.region_code:
        region(command.region_code)
    person = Person(command.name.strip()) if command.kind in PERSONS else NOBODY
    new = Slice(
        command.valid_from,
        "" if person.known else command.name.strip(),
        parent_id,
        command.region_code,
        command.details,
        command.active,
        command.reason.strip(),
    )
    parent_kind = await store.kind_of(tx, parent_id) if parent_id else None
    if parent_id and parent_kind is None:
        raise BadInput("party.parent_unknown", "没有这个上级", "/".join(command.parent or ()))
    check(command.kind, new, parent_kind)
    check_no_circle(party_id, parent_id, await store.parents_on(tx, command.valid_from))
    before = await store.slices_of(tx, party_id)
    if before and command.valid_from < before[-1].valid_from:
        last = before[-1].valid_from.isoformat()
        raise RuleViolation(
            "party.before_last", "生效日期早于最近一次变更", f"{command.code}:{last}"
        )
    if before and before[-1] == new and person == await find_person(tx, party_id):
        return party_id
    if person.known:
        # First, for it waits for an erasure under way, which then is wholly before this entry.
        await put_persons(tx, [Subject(party_id, "party", person)])
        if not (await find_person(tx, party_id)).known:
            new = replace(new, details={}, reason="")
            if before and before[-1] == new:
                return party_id
    await store.put(tx, party_id, command.kind, command.code, new)
    _announce(tx, party_id, command, new)
    return party_id


def _announce(tx: Transaction, party_id: UUID, command: EnterParty, new: Slice) -> None:
    # A bank and an outlet have events of their own, from their own lists.
    if command.kind not in ("bank", "outlet"):
        tx.emit(
            PartyChanged(
                party_id=party_id,
                kind=command.kind,
                code=command.code,
                name=new.name,
                parent_id=new.parent_id,
                region_code=new.region_code,
                active=new.active,
                valid_from=new.valid_from,
            )
        )
    tx.audit(
        "party.entered",
        party_id,
        after={"kind": command.kind, "code": command.code, "valid_from": new.valid_from},
    )


async def find_parties(tx: Transaction, wanted: WantedParties) -> list[Party]:
    """Parties as they stood on a day; the names of persons are masked."""
    found = await store.find(tx, wanted)
    persons = [each.party_id for each in found if each.kind in PERSONS]
    names = await masked_names(tx, persons) if persons else {}
    return [
        replace(each, held=replace(each.held, name=names.get(each.party_id, each.held.name)))
        for each in found
    ]


async def history_of(tx: Transaction, party_id: UUID) -> list[Slice]:
    """A party's slices, the oldest first; a person's name is masked, and is the one of today.

    Raises: NotFound `party.unknown`.
    """
    slices = await store.slices_of(tx, party_id)
    if not slices:
        raise NotFound("party.unknown", "名录中没有这一项")
    if await store.kind_of(tx, party_id) not in PERSONS:
        return slices
    names = await masked_names(tx, [party_id])
    return [replace(each, name=names.get(party_id, "")) for each in slices]

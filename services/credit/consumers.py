"""What credit learns from registry and allocation; topics may arrive in any order."""

from collections.abc import Sequence
from datetime import date
from typing import TypeVar
from uuid import UUID

from services.credit.store import applications, copies
from shared.contracts.allocation import EnterpriseAssigned, EnterpriseUnassigned
from shared.contracts.event import Event, Received
from shared.contracts.registry import (
    EnterpriseChanged,
    EnterpriseListed,
    EnterprisesMerged,
    EnterprisesUnmerged,
    InstitutionChanged,
    OutletChanged,
    PersonalDataErased,
)
from shared.platform.consumer import Consumer
from shared.platform.database import Transaction
from shared.platform.mergers import save_mergers
from shared.platform.retention import forget_answers
from shared.platform.webhooks import announce

NAME = "credit.enterprises"
EventT = TypeVar("EventT", bound=Event)


async def on_events(batch: Sequence[Received], tx: Transaction) -> None:
    """Take a whole batch in, one statement per kind of row; of one row the latest event counts."""
    events = [received.event for received in batch]
    driver = await tx.driver()
    institutions = {e.institution_id: e for e in _of(events, InstitutionChanged)}
    outlets = {e.outlet_id: e for e in _of(events, OutletChanged)}
    usccs = {e.enterprise_id: e.uscc for e in _of(events, EnterpriseListed)}
    assigned = {
        e.assignment_id: e for e in _of(events, EnterpriseAssigned) if e.institution_id is not None
    }
    ended = {e.assignment_id: e for e in _of(events, EnterpriseUnassigned)}
    if institutions:
        await copies.put_institutions(driver, institutions.values())
    if outlets:
        await copies.put_outlets(driver, outlets.values())
    if usccs:
        await copies.put_enterprises(driver, usccs.items())
    if slices := _slices(events):
        await copies.put_slices(driver, slices)
    if mergers := [e for e in events if isinstance(e, EnterprisesMerged | EnterprisesUnmerged)]:
        await save_mergers(mergers, tx)
    if erased := _of(events, PersonalDataErased):
        await applications.forget_words(driver, [each.subject_id for each in erased])
        await forget_answers(driver, [each.subject_id for each in erased])
    if assigned:
        await copies.put_assignments(driver, assigned.values())
    if ended:
        await copies.end_assignments(driver, ended.values())
    await announce(tx, [*assigned.values(), *ended.values()])


def _of(events: Sequence[Event], kind: type[EventT]) -> list[EventT]:
    return [event for event in events if isinstance(event, kind)]


def _slices(events: Sequence[Event]) -> list[copies.Slice]:
    latest: dict[tuple[UUID, date], copies.Slice] = {}
    for event in events:
        if isinstance(event, EnterpriseListed):
            piece = copies.Slice(event.enterprise_id, event.listed_on, event.region_code)
        elif isinstance(event, EnterpriseChanged):
            piece = copies.Slice(event.enterprise_id, event.valid_from, event.region_code)
        else:
            continue
        latest[piece.enterprise_id, piece.valid_from] = piece
    return list(latest.values())


CONSUMER = Consumer(NAME, ("registry.events", "allocation.events"), batch=on_events)

"""What visits learns from registry and allocation: who may visit whom, where, and by when."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from services.visits.store import copies, privacy
from shared.contracts.allocation import (
    CampaignAmended,
    CampaignClosed,
    CampaignOpened,
    ContactNamed,
    EnterpriseAssigned,
    EnterpriseEnrolled,
    EnterpriseUnassigned,
)
from shared.contracts.event import Event, Received
from shared.contracts.registry import (
    EnterpriseChanged,
    EnterpriseListed,
    EnterprisesMerged,
    EnterprisesUnmerged,
    PersonalDataErased,
    StaffChanged,
)
from shared.platform.consumer import Consumer
from shared.platform.database import Transaction
from shared.platform.mergers import save_mergers

NAME = "visits.campaign"

Save = Callable[[Sequence[Any], Transaction], Awaitable[None]]

_SAVES: Mapping[type[Event], Save] = {
    StaffChanged: copies.save_roster,
    EnterpriseListed: copies.save_places,
    EnterpriseChanged: copies.save_places,
    EnterprisesMerged: save_mergers,
    EnterprisesUnmerged: save_mergers,
    CampaignOpened: copies.save_campaigns,
    CampaignClosed: copies.save_closings,
    CampaignAmended: copies.save_amendments,
    EnterpriseEnrolled: copies.save_enrolments,
    EnterpriseAssigned: copies.save_assignments,
    EnterpriseUnassigned: copies.save_endings,
    ContactNamed: copies.save_contacts,
    PersonalDataErased: privacy.forget,
}


async def learn(events: Sequence[Received], tx: Transaction) -> None:
    """Bring the copies up to date; each kind of fact writes its own columns only."""
    kinds: defaultdict[Save, list[Event]] = defaultdict(list)
    for received in events:
        save = _SAVES.get(type(received.event))
        if save:
            kinds[save].append(received.event)
    for save, facts in kinds.items():
        await save(facts, tx)


CONSUMER = Consumer(NAME, ("registry.events", "allocation.events"), batch=learn)

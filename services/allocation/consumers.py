"""What allocation learns from registry and credit: whom there is, where, and who is matched.

And whose words are to be forgotten.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from services.allocation.store import copies, lifecycle
from shared.contracts.credit import CreditLineApproved, LoanGranted
from shared.contracts.event import Event, Received
from shared.contracts.registry import (
    EnterpriseChanged,
    EnterpriseListed,
    EnterprisesMerged,
    EnterprisesUnmerged,
    InstitutionChanged,
    ListImported,
    OutletChanged,
    PersonalDataErased,
    StaffChanged,
)
from shared.platform.consumer import Consumer
from shared.platform.database import Transaction
from shared.platform.mergers import save_mergers

NAME = "allocation.registry"

Save = Callable[[Sequence[Any], Transaction], Awaitable[None]]

_SAVES: Mapping[type[Event], Save] = {
    InstitutionChanged: copies.save_institutions,
    OutletChanged: copies.save_outlets,
    StaffChanged: copies.save_roster,
    EnterpriseListed: copies.save_listed,
    ListImported: copies.save_imports,
    EnterpriseChanged: copies.save_changes,
    EnterprisesMerged: save_mergers,
    EnterprisesUnmerged: save_mergers,
    CreditLineApproved: copies.save_lines,
    LoanGranted: copies.save_loans,
    PersonalDataErased: lifecycle.forget_words,
}


async def learn(events: Sequence[Received], tx: Transaction) -> None:
    """Bring the copies up to date; each kind of fact has a table of its own."""
    kinds: defaultdict[Save, list[Event]] = defaultdict(list)
    for received in events:
        save = _SAVES.get(type(received.event))
        if save:
            kinds[save].append(received.event)
    for save, facts in kinds.items():
        await save(facts, tx)


CONSUMER = Consumer(NAME, ("registry.events", "credit.events"), batch=learn, batch_size=2_000)

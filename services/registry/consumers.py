"""Who may see which enterprise: kept from allocation's events."""

from services.registry.store.queries import end_access, grant_access
from shared.contracts.allocation import EnterpriseAssigned, EnterpriseUnassigned
from shared.contracts.event import Received
from shared.platform.consumer import Consumer
from shared.platform.database import Transaction


async def on_enterprise_assigned(received: Received, tx: Transaction) -> None:
    """Open the enterprise to the institution it was given to (JS-07)."""
    event = received.event
    if isinstance(event, EnterpriseAssigned) and event.institution_id:
        await grant_access(tx, event.assignment_id, event.enterprise_id, event.institution_id)


async def on_enterprise_unassigned(received: Received, tx: Transaction) -> None:
    """Close it again; a bureau's assignment opened nothing and closes nothing."""
    event = received.event
    if isinstance(event, EnterpriseUnassigned):
        await end_access(tx, event.assignment_id)


CONSUMER = Consumer(
    "registry.assignments",
    ("allocation.events",),
    {
        EnterpriseAssigned: on_enterprise_assigned,
        EnterpriseUnassigned: on_enterprise_unassigned,
    },
)

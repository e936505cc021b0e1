"""Who may see which enterprise, which list a campaign stands on, who has loans: from the others."""

from services.registry.store.imports import lock_kind
from services.registry.store.queries import end_access, grant_access
from services.registry.store.vintages import pin
from services.registry.usecases.vintages import book_balance
from shared.contracts.allocation import CampaignOpened, EnterpriseAssigned, EnterpriseUnassigned
from shared.contracts.credit import LoanDrawn, LoanReversed, RepaymentBooked
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


async def on_campaign_opened(received: Received, tx: Transaction) -> None:
    """A list that a campaign stands on is closed (R4)."""
    event = received.event
    if isinstance(event, CampaignOpened):
        await lock_kind(tx, "enterprises")  # an import under way gets all of its rows on it
        await pin(tx, event.campaign_id, event.list_vintage)


async def on_loan_moved(received: Received, tx: Transaction) -> None:
    """Money drawn, repaid or booked back moves what an enterprise owes (JS-05)."""
    match received.event:
        case LoanDrawn() as event:
            on, fen = event.drawn_on, event.amount_fen
        case RepaymentBooked() as event:
            on, fen = event.repaid_on, -event.principal_fen
        case LoanReversed() as event:
            on, fen = event.reversed_on, -event.amount_fen
        case _:
            return
    await book_balance(tx, event.enterprise_id, on, fen, event.institution_id)


LISTS = Consumer("registry.lists", ("allocation.events",), {CampaignOpened: on_campaign_opened})
LOANS = Consumer(
    "registry.loans",
    ("credit.events",),
    {
        LoanDrawn: on_loan_moved,
        RepaymentBooked: on_loan_moved,
        LoanReversed: on_loan_moved,
    },
)
CONSUMER = Consumer(
    "registry.assignments",
    ("allocation.events",),
    {
        EnterpriseAssigned: on_enterprise_assigned,
        EnterpriseUnassigned: on_enterprise_unassigned,
    },
)

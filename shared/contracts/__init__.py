"""Every event of the platform, declared once: what happened, when, in the past tense.

Read `registry.py` to `reporting.py` top to bottom: together they tell a whole campaign.
Importing this package registers all contracts, so that any payload can be decoded.
"""

from shared.contracts import allocation, credit, identity, registry, reporting, visits
from shared.contracts.event import CONTRACTS, Contract, Event, contract_of

__all__ = [
    "CONTRACTS",
    "Contract",
    "Event",
    "allocation",
    "contract_of",
    "credit",
    "identity",
    "registry",
    "reporting",
    "visits",
]

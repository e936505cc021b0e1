"""Rotation: unmatched enterprises go to another bank, never to one that has had them."""

from dataclasses import dataclass

from services.allocation.domain.model import Enterprise

CUMULATED_FROM = 4
"""From this round on the bands are about what banks have had in all rounds together."""


@dataclass(frozen=True, slots=True)
class RotationRules:
    """`max_rounds` institutions in turn, the first one included; a repeated type costs more."""

    max_rounds: int = 3
    same_type_m: int = 20_000


def rounds_of(enterprise: Enterprise) -> int:
    """How many institutions have had the enterprise in this campaign.

    Units:   institutions.
    Source:  rule JS-19.
    """
    return len(frozenset(enterprise.previous_ids))

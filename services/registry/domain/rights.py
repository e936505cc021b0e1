"""Intellectual-property rights counted: how many surely, and how many at most (TS-05, JL-02)."""

from collections.abc import Collection, Sequence
from datetime import date

from services.registry.domain.facts import Right
from services.registry.domain.standards import Version
from services.registry.domain.verdicts import years_before


def is_valid(right: Right, day: date) -> bool | None:
    """Tell whether a right is in force on a day; None where its end is not known.

    Units:   dates; the last day of validity still counts.
    Raises:  nothing.
    Source:  TS-05, JL-02.
    """
    if right.held_since is not None and right.held_since > day:
        return False
    return None if right.valid_until is None else right.valid_until >= day


def counted(rights: Sequence[Right], kinds: Collection[str], day: date) -> tuple[int, int]:
    """Count valid rights of these kinds that belong to the main product: surely, and at most.

    Units:   counts.
    Raises:  nothing.
    Source:  TS-05.
    """
    of_kind = [right for right in rights if right.kind in kinds]
    truths = [_both(is_valid(right, day), right.main_product) for right in of_kind]
    return truths.count(True), truths.count(True) + truths.count(None)


def is_high_value(right: Right, version: Version, day: date) -> bool | None:
    """Tell whether a right is a valid high-value invention patent; None where facts are missing.

    "Maintained over 10 years" is more than ten: on the tenth anniversary it is not yet.

    Units:   dates; fen against the version's yuan.
    Raises:  nothing.
    Source:  JL-02.
    """
    if right.kind != "invention_patent":
        return False
    long_held = (
        None
        if right.held_since is None
        else right.held_since < years_before(day, version["maintained_years"])
    )
    pledged = (
        None
        if right.pledged_fen is None
        else right.pledged_fen >= version["high_pledge_yuan"] * 100
    )
    reasons = (
        right.strategic_industry, right.family_abroad, long_held, pledged, right.awarded,
    )  # fmt: skip
    reason = True if True in reasons else None if None in reasons else False
    return _both(is_valid(right, day), reason)


def high_value(rights: Sequence[Right], version: Version, day: date) -> tuple[int, int]:
    """Count high-value invention patents: surely, and at most.

    Units:   counts.
    Raises:  nothing.
    Source:  JL-02.
    """
    truths = [is_high_value(right, version, day) for right in rights]
    return truths.count(True), truths.count(True) + truths.count(None)


def high_value_in_product(rights: Sequence[Right], version: Version, day: date) -> bool | None:
    """Tell whether a high-value right is used in the main product; None where it may be.

    Units:   none.
    Raises:  nothing.
    Source:  JL-01 (1).
    """
    truths = [_both(is_high_value(right, version, day), right.main_product) for right in rights]
    return True if True in truths else None if None in truths else False


def _both(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True

"""The directory's parties: which kinds there are, what stands above what, and what each tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from shared.contracts.registry import PartyKind
from shared.kernel.errors import BadInput, RuleViolation


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of party: its title, the kinds it may stand under, the details it tells."""

    title: str
    under: tuple[PartyKind, ...] = ()
    details: tuple[str, ...] = ()
    in_region: bool = True


KINDS: Final[dict[PartyKind, Kind]] = {
    "bank_group": Kind("银行集团", (), ("institution_type",), in_region=False),
    "bank": Kind("银行机构", ("bank_group",), ("institution_type", "uscc"), in_region=False),
    "branch": Kind("分行", ("bank", "branch"), ("address",)),
    "outlet": Kind("网点", ("branch", "bank"), ("address", "cnaps")),
    "guarantor": Kind("担保机构", ("guarantor",), ("uscc", "address", "re_guarantee")),
    "expert": Kind("专家", ("partner", "st_department"), ("field", "post")),
    "partner": Kind("合作机构", ("partner",), ("uscc", "partner_type", "address")),
    "bureau": Kind("监管分局", ("bureau",), ("address",)),
    "st_department": Kind("科技主管部门", ("st_department",), ("address",)),
    "task_force": Kind("工作专班", ("bank", "branch"), (), in_region=False),
    "member": Kind("专班成员、联络人", ("task_force", "st_department"), ("post",), in_region=False),
    "science_park": Kind("科技园区", ("science_park",), ("address", "level")),
}
PERSONS: Final = frozenset(("expert", "member"))


@dataclass(frozen=True, slots=True)
class Slice:
    """What holds of a party from a day on."""

    valid_from: date
    name: str
    parent_id: UUID | None
    region_code: str | None
    details: dict[str, Any]
    active: bool
    reason: str


def check(kind: PartyKind, new: Slice, parent_kind: PartyKind | None) -> None:
    """Refuse a slice that its kind does not allow.

    Units:   none.
    Raises:  BadInput `party.parent_kind`, `party.details`, `party.region_missing`,
             `party.institution_type`.
    Source:  JS-06 to JS-08, JL-20, JL-31, JL-37.
    """
    known = KINDS[kind]
    if new.parent_id and parent_kind not in known.under:
        above = "、".join(KINDS[each].title for each in known.under) or "无"
        raise BadInput("party.parent_kind", "上级的类别不对", f"{known.title}的上级可以是:{above}")
    if extra := set(new.details) - set(known.details):
        raise BadInput("party.details", "没有这项资料", "、".join(sorted(extra))[:80])
    if known.in_region and new.region_code is None:
        raise BadInput("party.region_missing", "缺少行政区划代码")


def check_no_circle(
    party_id: UUID, parent_id: UUID | None, parents: Mapping[UUID, UUID | None]
) -> None:
    """Refuse a place in the tree that lies below the party itself.

    Units:   none.
    Raises:  RuleViolation `party.circle`.
    Source:  ST-07: institutions roll up a tree.
    """
    above, seen = parent_id, set[UUID]()
    while above is not None and above not in seen:
        if above == party_id:
            raise RuleViolation("party.circle", "上级不能是自己的下级")
        seen.add(above)
        above = parents.get(above)


def on_day(slices: Sequence[Slice], day: date) -> Slice | None:
    """Return the slice that holds on a day; None before the first one.

    Units:   local date; slices in the order of their days.
    Raises:  nothing.
    Source:  ST-07.
    """
    held = [each for each in slices if each.valid_from <= day]
    return held[-1] if held else None

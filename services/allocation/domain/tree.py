"""A campaign's tree: what each of its tiers shares out, among whom, in which groups; any depth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.allocation.domain.model import NodeKind

NODES = ("province", "bureau", "institution", "branch", "outlet", "contact")
ROOTS = ("province", "institution")
CONTACT = "contact"
_OF_A_BANK = (NodeKind.INSTITUTION, NodeKind.BRANCH, NodeKind.OUTLET)


@dataclass(frozen=True, slots=True)
class Tier:
    """One step down the tree; `direct_city_code` is the city whose banks get theirs directly."""

    number: int
    from_node: str
    to_node: str
    direct_city_code: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """A tier that is shared out by a plan.

    `base` is the tier whose published plan it rests on, None for the first. `duty`: from here on
    the enterprise is a bank's, and other services are told; what lies deeper is placed within the
    bank. `within` a bank each institution's part is shared out by itself.
    """

    tier: int
    to: NodeKind
    base: int | None
    duty: bool
    within: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """The tiers of a campaign, first to last."""

    tiers: tuple[Tier, ...]

    @property
    def of_one_bank(self) -> bool:
        """Whether it begins at one institution, which then has to be named."""
        return self.tiers[0].from_node == NodeKind.INSTITUTION

    @property
    def steps(self) -> tuple[Step, ...]:
        """The tiers that a plan shares out: all but the last one, which names people (JS-08)."""
        found: list[Step] = []
        owned = self.of_one_bank
        for one in self.tiers:
            if one.to_node == CONTACT:
                continue
            to = NodeKind(one.to_node)
            duty = to in _OF_A_BANK and not any(step.duty for step in found)
            base = found[-1].tier if found else None
            found.append(Step(one.number, to, base, duty, owned))
            owned = owned or to in _OF_A_BANK
        return tuple(found)

    def step(self, tier: int) -> Step | None:
        """The step of a tier; None: the tree has none there, or it names people."""
        return next((one for one in self.steps if one.tier == tier), None)

    @property
    def duty(self) -> Step:
        """The step from which on an enterprise is a bank's."""
        return next(one for one in self.steps if one.duty)

    @property
    def direct_city_code(self) -> str | None:
        """The city whose enterprises go directly to banks, past its bureau (JS-06)."""
        return next((one.direct_city_code for one in self.tiers if one.direct_city_code), None)


def faults_of_tree(tiers: Sequence[Tier]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a tree: path, code, text.

    Source:  rules JS-06 to JS-08, JL-31; features A1, M4.
    """
    if not tiers:
        return
    if [one.number for one in tiers] != list(range(1, len(tiers) + 1)):
        yield "tiers", "profile.tiers_not_counted", "层级须从 1 起连续编号"
    if tiers[0].from_node not in ROOTS:
        yield "tiers[0].from", "profile.tree_root", f"第一层应从 {' 或 '.join(ROOTS)} 开始"
    for at, (before, one) in enumerate(pairwise(tiers), 1):
        if one.from_node != before.to_node:
            yield f"tiers[{at}].from", "profile.tree_broken", f"应为上一层的 {before.to_node}"
    for at, one in enumerate(tiers):
        if one.from_node in NODES and one.to_node in NODES[: NODES.index(one.from_node) + 1]:
            yield f"tiers[{at}].to", "profile.tree_upwards", f"应在 {one.from_node} 之下"
        if one.direct_city_code and one.to_node != NodeKind.BUREAU:
            yield (
                f"tiers[{at}].direct_city_code",
                "profile.direct_not_here",
                "只有分到分局的一层可设直管城市",
            )
    kinds = [one.to_node for one in tiers]
    deep = next((at for at, kind in enumerate(kinds) if kind in ("branch", "outlet")), None)
    if tiers[0].from_node == "province" and deep is not None and "institution" not in kinds[:deep]:
        yield f"tiers[{deep}].to", "profile.tree_without_bank", "先分到机构,再分到分行或网点"
    if not any(kind in _OF_A_BANK for kind in kinds):
        yield "tiers", "profile.tree_without_bank", "至少有一层分到银行机构、分行或网点"

"""A campaign profile: everything in which campaigns differ, as checked data.

A profile arrives as a JSON document. Reading it reports every fault at once, each with the path
of the field it stands in, so that a new campaign needs a document and no code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast, get_args

from services.allocation.domain.capacity import CapacityRules
from services.allocation.domain.model import Precision
from services.allocation.domain.policy import CostWeights, FairnessBands
from services.allocation.domain.rotation import RotationRules
from services.allocation.domain.tree import NODES, Tier, Tree, faults_of_tree
from shared.contracts.registry import InstitutionType
from shared.kernel.errors import BadInput, FieldError

INSTITUTION_TYPES: tuple[str, ...] = get_args(InstitutionType)
PRECISIONS: tuple[Precision, ...] = ("point", "county", "city")
LISTS = ("tech_sme", "four_tech", "small_and_micro")
LEADERS = ("regulator", "bank", "joint")
MATCHED_BY = ("line_approved", "loan_granted")
MATCHED_AT = ("any_institution", "assigned_institution")
REGION_DIGITS = 6
CADENCES = ("monthly", "quarterly")
METRICS = (
    "listed",
    "assigned",
    "visited",
    "visits",
    "matched",
    "lines_n",
    "lines_fen",
    "granted_n",
    "granted_fen",
    "balance_fen",
    "borrowers",
)
MILESTONES = ("contacts_due", "visits_from", "visits_until", "rotation")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose campaign it is, where, and which list it takes (JS-01)."""

    province_code: str
    list_kind: str
    led_by: str


@dataclass(frozen=True, slots=True)
class Milestone:
    """A day of the calendar: a fixed month and day, or so many days after the opening."""

    month: int = 0
    day: int = 0
    after_days: int | None = None

    def on(self, opens_on: date) -> date:
        """The day in a campaign that opens on `opens_on`; a fixed day is the next one from then.

        Units:   dates local to the province; calendar days.
        """
        if self.after_days is not None:
            return opens_on + timedelta(days=self.after_days)
        this_year = date(opens_on.year, self.month, self.day)
        if this_year >= opens_on:
            return this_year
        return date(opens_on.year + 1, self.month, self.day)


@dataclass(frozen=True, slots=True)
class CampaignDates:
    """A campaign's calendar once its opening is known."""

    opens_on: date
    contacts_due_on: date
    visits_from: date
    visits_until: date
    rotation_on: date


@dataclass(frozen=True, slots=True)
class MatchedRule:
    """When an enterprise counts as matched: the one definition of the profile (JS-19)."""

    any_of: tuple[str, ...]
    at: str


@dataclass(frozen=True, slots=True)
class BulletinRules:
    """How often a bulletin appears, and what it counts (JS-22)."""

    cadence: str
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """A campaign profile, complete and checked."""

    code: str
    version: int
    title_zh: str
    scope: Scope
    tiers: tuple[Tier, ...]
    calendar: Mapping[str, Milestone]
    matched: MatchedRule
    capacity: CapacityRules
    cost: CostWeights
    fairness: FairnessBands
    rotation: RotationRules
    bulletin: BulletinRules

    def dates(self, opens_on: date) -> CampaignDates:
        """The calendar of a campaign under this profile that opens on `opens_on`.

        Units:   dates local to the province.
        Raises:  BadInput `profile.calendar_out_of_order`.
        Source:  rules JS-06, JS-08, JS-11, JS-19.
        """
        days = {name: milestone.on(opens_on) for name, milestone in self.calendar.items()}
        order = [opens_on, days["visits_from"], days["visits_until"], days["rotation"]]
        if order != sorted(order):
            raise BadInput("profile.calendar_out_of_order", "活动日程先后颠倒", self.code)
        return CampaignDates(
            opens_on,
            contacts_due_on=days["contacts_due"],
            visits_from=days["visits_from"],
            visits_until=days["visits_until"],
            rotation_on=days["rotation"],
        )

    @property
    def tree(self) -> Tree:
        """The tiers as the steps that plans share out."""
        return Tree(self.tiers)


def parse_profile(document: object) -> Profile:
    """Read and check a profile document (a decoded JSON object).

    Units:   distances in metres, bands in basis points, the calendar in days.
    Raises:  BadInput `profile.invalid`; its `errors` name the path of each bad field.
    Source:  rules JS-01, JS-06 to JS-08, JS-11, JS-19, JS-22; feature M4.
    """
    faults: list[FieldError] = []
    fields = _Fields(document, "", faults)
    profile = Profile(
        code=fields.text("code"),
        version=fields.number("version", least=1, most=9_999),
        title_zh=fields.text("title_zh"),
        scope=_scope(fields.inner("scope")),
        tiers=tuple(_tier(one) for one in fields.items("tiers")),
        calendar=_calendar(fields.inner("calendar")),
        matched=_matched(fields.inner("matched")),
        capacity=_capacity(fields.inner("capacity")),
        cost=_cost(fields.inner("cost")),
        fairness=_fairness(fields.inner("fairness")),
        rotation=_rotation(fields.inner("rotation")),
        bulletin=_bulletin(fields.inner("bulletin")),
    )
    fields.nothing_else()
    faults += [FieldError(*one) for one in faults_of_tree(profile.tiers)]
    if faults:
        raise BadInput("profile.invalid", "活动方案有误", faults[0].where, errors=faults)
    return profile


class _Fields:
    """One object of the document: reads its fields, notes each fault with its path."""

    def __init__(self, value: object, path: str, faults: list[FieldError]) -> None:
        self.path = path
        self.faults = faults
        self.seen: set[str] = set()
        self.values: dict[str, object] = {}
        if isinstance(value, dict):
            self.values = cast("dict[str, object]", value)
        else:
            self._fault(path or "$", "profile.not_an_object", "应为对象")

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _fault(self, where: str, code: str, message: str) -> None:
        self.faults.append(FieldError(where, code, message))

    def take(self, name: str) -> object:
        """The raw value; None where it is missing or null."""
        self.seen.add(name)
        return self.values.get(name)

    def text(self, name: str, *, allowed: Sequence[str] = ()) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not value:
            self._fault(self._at(name), "profile.not_text", "应为非空文本")
            return ""
        if allowed and value not in allowed:
            self._fault(self._at(name), "profile.unknown_value", f"应为 {' / '.join(allowed)}")
        return value

    def code(self, name: str, *, optional: bool = False) -> str | None:
        """A region code of six digits."""
        value = self.take(name)
        if value is None and optional:
            return None
        if not isinstance(value, str) or len(value) != REGION_DIGITS or not value.isdecimal():
            self._fault(self._at(name), "profile.not_a_region_code", "应为 6 位地区代码")
            return ""
        return value

    def number(self, name: str, *, least: int, most: int) -> int:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            message = f"应为 {least} 到 {most} 的整数"
            self._fault(self._at(name), "profile.not_in_range", message)
            return least
        return value

    def number_or_null(self, name: str, *, least: int, most: int) -> int | None:
        """As `number`; null is a value of its own, but a missing field is a fault."""
        if name in self.values and self.values[name] is None:
            self.seen.add(name)
            return None
        return self.number(name, least=least, most=most)

    def number_or(self, name: str, usual: int, *, least: int, most: int) -> int:
        """As `number`; the usual value where the document is older than the field."""
        return self.number(name, least=least, most=most) if name in self.values else usual

    def texts(self, name: str, *, allowed: Sequence[str]) -> tuple[str, ...]:
        value = self.take(name)
        items = cast("list[object]", value) if isinstance(value, list) else []
        if not items:
            self._fault(self._at(name), "profile.empty_list", "应为非空列表")
        for index, item in enumerate(items):
            if item not in allowed:
                where = f"{self._at(name)}[{index}]"
                self._fault(where, "profile.unknown_value", f"应为 {' / '.join(allowed)}")
        return tuple(str(item) for item in items)

    def inner(self, name: str) -> "_Fields":
        return _Fields(self.take(name), self._at(name), self.faults)

    def items(self, name: str) -> list["_Fields"]:
        value = self.take(name)
        items = cast("list[object]", value) if isinstance(value, list) else []
        if not items:
            self._fault(self._at(name), "profile.empty_list", "应为非空列表")
        return [
            _Fields(item, f"{self._at(name)}[{index}]", self.faults)
            for index, item in enumerate(items)
        ]

    def nothing_else(self) -> None:
        """A field nobody reads is most often a misspelt one, so it is a fault."""
        for name in sorted(self.values.keys() - self.seen):
            self._fault(self._at(name), "profile.unknown_field", "未知字段")


def _scope(fields: _Fields) -> Scope:
    scope = Scope(
        province_code=fields.code("province_code") or "",
        list_kind=fields.text("list_kind", allowed=LISTS),
        led_by=fields.text("led_by", allowed=LEADERS),
    )
    fields.nothing_else()
    return scope


def _tier(fields: _Fields) -> Tier:
    tier = Tier(
        number=fields.number("tier", least=1, most=9),
        from_node=fields.text("from", allowed=NODES),
        to_node=fields.text("to", allowed=NODES),
        direct_city_code=fields.code("direct_city_code", optional=True),
    )
    fields.nothing_else()
    return tier


def _calendar(fields: _Fields) -> Mapping[str, Milestone]:
    calendar = {name: _milestone(fields.inner(name)) for name in MILESTONES}
    fields.nothing_else()
    return calendar


def _milestone(fields: _Fields) -> Milestone:
    if "after_days" in fields.values:
        milestone = Milestone(after_days=fields.number("after_days", least=0, most=3_660))
    else:
        # 29 February does not exist in every year a campaign may open in.
        month = fields.number("month", least=1, most=12)
        longest = {2: 28, 4: 30, 6: 30, 9: 30, 11: 30}.get(month, 31)
        milestone = Milestone(month, fields.number("day", least=1, most=longest))
    fields.nothing_else()
    return milestone


def _matched(fields: _Fields) -> MatchedRule:
    rule = MatchedRule(
        any_of=fields.texts("any_of", allowed=MATCHED_BY),
        at=fields.text("at", allowed=MATCHED_AT),
    )
    fields.nothing_else()
    return rule


def _capacity(fields: _Fields) -> CapacityRules:
    rules = CapacityRules(
        per_officer=fields.number("per_officer", least=1, most=1_000),
        headroom_bp=fields.number("headroom_bp", least=0, most=100_000),
        ability_bp=_abilities(fields.inner("ability_bp")) if "ability_bp" in fields.values else {},
    )
    fields.nothing_else()
    return rules


def _abilities(fields: _Fields) -> dict[str, int]:
    """What an officer of a type of bank is worth beside the usual one; not named: as usual."""
    found = {
        name: fields.number(name, least=0, most=100_000)
        for name in INSTITUTION_TYPES
        if name in fields.values
    }
    fields.nothing_else()
    return found


def _cost(fields: _Fields) -> CostWeights:
    weights = CostWeights(
        no_relation_m=fields.number("no_relation_m", least=0, most=200_000),
        remote_m=fields.number("remote_m", least=0, most=200_000),
        band_step_m=fields.number("band_step_m", least=0, most=200_000),
        overflow_m=fields.number("overflow_m", least=1_000, most=2_000_000),
        distance_from=cast(
            "tuple[Precision, ...]", fields.texts("distance_from", allowed=PRECISIONS)
        ),
        stick_m=fields.number_or("stick_m", CostWeights().stick_m, least=0, most=50_000),
    )
    fields.nothing_else()
    return weights


def _fairness(fields: _Fields) -> FairnessBands:
    bands = FairnessBands(
        total_bp=fields.number_or_null("total_bp", least=0, most=10_000),
        hard_bp=fields.number_or_null("hard_bp", least=0, most=10_000),
    )
    fields.nothing_else()
    return bands


def _rotation(fields: _Fields) -> RotationRules:
    rules = RotationRules(
        max_rounds=fields.number("max_rounds", least=1, most=20),
        same_type_m=fields.number("same_type_m", least=0, most=200_000),
    )
    fields.nothing_else()
    return rules


def _bulletin(fields: _Fields) -> BulletinRules:
    rules = BulletinRules(
        cadence=fields.text("cadence", allowed=CADENCES),
        metrics=fields.texts("metrics", allowed=METRICS),
    )
    fields.nothing_else()
    return rules

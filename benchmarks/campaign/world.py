"""What the driver knows of the world: enterprises, banks, people, and what is to become of them."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from benchmarks.campaign.api import Api, Caller
from benchmarks.campaign.dice import Dice
from benchmarks.campaign.journal import Journal
from benchmarks.campaign.steps import Steps

WAN_FEN = 1_000_000
VINTAGE = "2021-12-31"
OPENS_ON = date(2022, 4, 1)
PLANNED_ON = date(2022, 4, 15)
NAMED_ON = date(2022, 4, 28)
VISITS_FROM = date(2022, 5, 1)
VISITS_UNTIL = date(2022, 8, 31)
ROTATED_ON = date(2022, 9, 5)
RENAMED_ON = date(2022, 9, 8)
CORRECTED_ON = date(2022, 9, 20)
SECOND_UNTIL = date(2022, 11, 30)
YEAR_END = date(2022, 12, 31)
LAST_ON = date(2023, 1, 5)
#: Days on which people work off what has come due; then, for some, the bulletin of a quarter.
MONTHS_ONE = (date(2022, 5, 31), date(2022, 6, 30))
MONTHS_TWO = (date(2022, 7, 31), date(2022, 8, 31))
MONTHS_THREE = (date(2022, 9, 30),)
MONTHS_FOUR = (date(2022, 10, 31), date(2022, 11, 30), YEAR_END)
BULLETINS = {"2022Q2": date(2022, 7, 5), "2022Q3": date(2022, 10, 10), "2022Q4": LAST_ON}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How many do what; shares of one."""

    visited: float
    photos: float
    visited_again: float
    applied: float
    desks_per_city: int


#: What the sizes differ in. A visit without a photo is incomplete and does not count (JS-10), so a
#: province where few have photos has few that count: the photos cost the time, not the visits.
SHARES = {
    "tiny": Shares(visited=0.9, photos=0.95, visited_again=0.5, applied=1.0, desks_per_city=2),
    "small": Shares(visited=0.85, photos=1.0, visited_again=0.5, applied=1.0, desks_per_city=1),
    "city": Shares(visited=0.6, photos=0.25, visited_again=0.3, applied=0.7, desks_per_city=2),
    "own": Shares(visited=0.5, photos=0.2, visited_again=0.3, applied=0.5, desks_per_city=1),
    "province": Shares(visited=0.5, photos=0.03, visited_again=0.1, applied=0.4, desks_per_city=1),
}


@dataclass(slots=True, kw_only=True)
class Need:
    """What an enterprise wants, and what a bank would make of it. Money is fen."""

    amount_fen: int
    term_months: int
    purpose: str
    eligible: bool
    approved_fen: int
    drawn_fen: int


@dataclass(slots=True, kw_only=True)
class Person:
    """One person of a bank's roster."""

    staff_id: str
    username: str
    role: str
    outlet_id: str
    institution_id: str


@dataclass(slots=True, kw_only=True)
class Desk:
    """An outlet that takes enterprises: its head and the manager who visits."""

    outlet_id: str
    institution_id: str
    city_code: str
    longitude: float
    latitude: float
    head: Person
    manager: Person


@dataclass(slots=True, kw_only=True)
class Bank:
    """An institution with its desks, its outlets by city, and its machine client."""

    institution_id: str
    code: str
    name: str
    desks: dict[str, list[Desk]] = field(default_factory=dict[str, list[Desk]])
    outlets: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def outlets_in(self, city_code: str) -> list[str]:
        """Its outlets in a city, else all of them."""
        here = [outlet for outlet, city in self.outlets if city == city_code]
        return here or [outlet for outlet, _ in self.outlets]

    def all_desks(self) -> list[Desk]:
        """Every desk, by city."""
        return [desk for city in sorted(self.desks) for desk in self.desks[city]]


@dataclass(slots=True, kw_only=True)
class Firm:
    """An enterprise of the list as taken in."""

    enterprise_id: str
    uscc: str
    region_code: str
    longitude: float
    latitude: float
    need: Need | None
    lenders: tuple[str, ...]
    holder: "Held | None" = None

    @property
    def city_code(self) -> str:
        """The city it is in."""
        return self.region_code[:4] + "00"


@dataclass(slots=True, kw_only=True)
class Held:
    """Who has an enterprise: the assignment, the institution and the desk."""

    assignment_id: str
    institution_id: str
    desk: Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for."""

    size: str
    seed: int
    home: Path
    list_file: Path | None = None
    outlets_file: Path | None = None
    photo_share: float | None = None

    @property
    def folder(self) -> Path:
        """Where the campaign keeps its files."""
        return self.home / "demo"

    @property
    def own_files(self) -> bool:
        """Whether the list is the user's."""
        return self.list_file is not None

    @property
    def shares(self) -> Shares:
        """Who does what at this size."""
        return SHARES["own" if self.own_files else self.size]

    @property
    def photos(self) -> float:
        """The share of visits with a photo."""
        return self.shares.photos if self.photo_share is None else self.photo_share


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the figures have to come to before a step may rest on them."""

    listed: int = 0
    without_contact: int = 0
    visits: int = 0
    lines: int = 0
    granted_fen: int = 0
    balance_fen: int = 0


@dataclass(slots=True, kw_only=True)
class World:
    """Everything a step needs: the API, who may call it, what is known, and where it is written."""

    options: Options
    api: Api
    steps: Steps
    journal: Journal
    dice: Dice
    admin: Caller
    callers: dict[str, Caller] = field(default_factory=dict[str, Caller])
    cores: dict[str, Caller] = field(default_factory=dict[str, Caller])
    firms: dict[str, Firm] = field(default_factory=dict[str, Firm])
    banks: dict[str, Bank] = field(default_factory=dict[str, Bank])
    campaign_id: str = ""
    tally: Tally = field(default_factory=Tally)

    @property
    def regulator(self) -> Caller:
        """The province's regulator."""
        return self.callers["regulator"]

    @property
    def second_regulator(self) -> Caller:
        """Another person there: what is published takes two."""
        return self.callers["regulator-2"]

    def head_of(self, bank: Bank) -> Caller:
        """The account of a bank's head office."""
        return self.callers[f"head-{bank.code}"]

    def manager_of(self, desk: Desk) -> Caller:
        """The account of the manager at a desk."""
        return self.callers[desk.manager.username]

"""Whose is what: the ids of all databases, as they are foreign or not to each caller."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import asyncpg

from benchmarks.campaign.api import Caller
from services.embedded import Embedded
from shared.kernel import permissions
from shared.platform.settings import SERVICES
from tests.access.planting import MARK, PERSON, Planted

#: Whose columns are reference data that every signed-in caller may know; a node of a plan is an
#: institution, or an outlet, whose ids are harvested as `outlet_id`.
COMMON = {"campaign_id", "institution_id", "node_id", "bulletin_id", "party_id", "parent_id"}
#: Those by which a call about anything else is made one that can be answered.
_KNOWN_TO_ALL = frozenset(("campaign_id", "institution_id", "plan_id", "bulletin_id"))
_PATTERNS = (
    re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    re.compile(r"\b[0-9A-HJ-NP-RT-UW-Y]{18}\b"),
    re.compile(rf"{MARK}[0-9A-F]{{12}}"),
    re.compile(r"\b\d{11}\b"),
    PERSON,
)
#: Acts of the province that everyone reads: who opened a campaign, who made and checked a plan.
_SHARED = ("campaign", "plan")
#: Where a row says which account made it, where it says nothing better.
_MAKERS = ("account_id", "started_by", "requested_by", "created_by", "recorded_by")


@dataclass(frozen=True, slots=True)
class Who:
    """A caller and what is foreign to it: ids by column, and marks that may not be in an answer.

    `everywhere` is False for a role to which the whole province is shown somewhere: to it, foreign
    is what the matrix does not grant.
    """

    caller: Caller
    own: dict[str, list[str]]
    foreign: dict[str, list[str]]
    marks: frozenset[str]
    everywhere: bool

    def others_own(self, column: str) -> list[str]:
        """Its own ids without its own account: what is done to that would be done to itself."""
        return [one for one in self.own.get(column, []) if one != self.caller.account["account_id"]]

    def carried(self, text: str, *known: str) -> list[str]:
        """What is foreign to the caller in a text, beside what it named itself."""
        found = {match for pattern in _PATTERNS for match in pattern.findall(text)}
        return sorted((found & self.marks) - set(known))


@dataclass(frozen=True, slots=True)
class Row:
    """One id, with the institution, region, enterprise and account its row belongs to."""

    column: str
    value: str
    bank: str | None
    region: str | None
    firm: str | None
    maker: str | None


@dataclass(slots=True)
class Place:
    """Where a caller stands, and how far it reaches."""

    reach: str
    account: str
    bank: str
    city: str
    firm: str

    @classmethod
    def of(cls, caller: Caller) -> "Place":
        """The place of a caller that has signed in."""
        account = caller.account
        return cls(
            permissions.roles()[caller.role].reach,
            account["account_id"],
            account.get("institution_id") or "",
            (account.get("region_code") or "")[:4],
            account.get("enterprise_id") or "",
        )


@dataclass(slots=True)
class Harvest:
    """All ids of all databases, with the institution, region or enterprise each belongs to."""

    planted: Planted
    rows: list[Row] = field(default_factory=list[Row])
    uscc: dict[str, str] = field(default_factory=dict[str, str])
    access: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    region: dict[str, str] = field(default_factory=dict[str, str])
    shared: set[str] = field(default_factory=set[str])
    common: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    #: account → institution, region, enterprise
    accounts: dict[str, tuple[str, str, str]] = field(
        default_factory=dict[str, tuple[str, str, str]]
    )
    #: a person of the directory → city, empty where it has none
    directory: dict[str, str] = field(default_factory=dict[str, str])

    async def read(self, platform: Embedded) -> None:
        """Read every table of every service that has ids."""
        for name in SERVICES:
            connection = await asyncpg.connect(platform.postgres.server.url("postgres", name))
            try:
                await self._tables(connection)
                if name == "registry":
                    await self._registry(connection)
                if name == "visits":
                    await self._photos(connection)
            finally:
                await connection.close()

    async def _tables(self, connection: asyncpg.Connection) -> None:
        found = await connection.fetch(
            "select table_name, array_agg(column_name::text) as columns,"
            " array_agg(column_name::text) filter (where data_type = 'uuid') as ids"
            " from information_schema.columns where table_schema = 'public' group by 1"
        )
        for table, columns, ids in found:
            owner = [
                _first(columns, "institution_id"),
                _first(columns, "region_code"),
                _first(columns, "enterprise_id", "subject_id"),
                "asker->>'account_id'" if "asker" in columns else _first(columns, *_MAKERS),
            ]
            for column in ids or () if table in _SHARED else ():
                self.shared |= {row.value for row in await self._ids(connection, table, column, [])}
            for column in _KNOWN_TO_ALL.intersection(ids or ()):
                known = {row.value for row in await self._ids(connection, table, column, [])}
                self.common.setdefault(column, set()).update(known)
            for column in sorted({c for c in ids or () if c.endswith("_id")} - COMMON):
                found = await self._ids(connection, table, column, owner) if any(owner) else []
                self.rows += found

    async def _ids(
        self, connection: asyncpg.Connection, table: str, column: str, owner: list[str | None]
    ) -> list[Row]:
        owner = owner or [None] * 4
        shown = ", ".join(f"({expression})::text" if expression else "null" for expression in owner)
        found = await connection.fetch(
            f'select distinct "{column}"::text, {shown} from "{table}"'
            f' where "{column}" is not null limit 4000'
        )
        return [Row(column, *row) for row in found]

    async def _photos(self, connection: asyncpg.Connection) -> None:
        """A photo is where its visit was; its own row does not tell."""
        found = await connection.fetch(
            "select 'photo_id', photo_id::text, v.institution_id::text, v.region_code,"
            " v.enterprise_id::text, null from photo join visit v using (visit_id)"
        )
        self.rows = [one for one in self.rows if one.column != "photo_id"]
        self.rows += [Row(*row) for row in found]

    async def _registry(self, connection: asyncpg.Connection) -> None:
        firms = "select enterprise_id::text, uscc, region_code from enterprise"
        for row in await connection.fetch(firms):
            self.uscc[row[0]], self.region[row[0]] = row[1], row[2]
        access = "select enterprise_id::text, institution_id::text from access"
        self.access = {(row[0], row[1]) for row in await connection.fetch(access)}
        people = (
            "select account_id::text, coalesce(institution_id::text, ''),"
            " coalesce(region_code, ''), coalesce(enterprise_id::text, '') from account"
        )
        for row in await connection.fetch(people):
            self.accounts[row[0]] = (row[1], row[2], row[3])
        persons = (
            "select party_id::text, coalesce(left(region_code, 4), '') from party"
            " join party_slice using (party_id) where kind in ('expert', 'member')"
        )
        self.directory = {row[0]: row[1] for row in await connection.fetch(persons)}
        parties = "select party_id::text from party where kind not in ('expert', 'member')"
        self.common["party_id"] = {row[0] for row in await connection.fetch(parties)}

    def who(self, caller: Caller, *, stranger: bool = False) -> Who:
        """What is foreign to a caller that has signed in; to a `stranger`, everything."""
        place = Place.of(caller)
        foreign: dict[str, set[str]] = {}
        own: dict[str, set[str]] = {"account_id": {place.account}}
        for row in self._all():
            mine = self._is_own(place, row)
            if mine is not None:
                (own if mine else foreign).setdefault(row.column, set()).add(row.value)
        for party, city in self.directory.items():
            mine = place.reach == "city" and city in ("", place.city)
            (own if mine else foreign).setdefault("party_id", set()).add(party)
        mine_all = {value for values in own.values() for value in values}
        marks = {value for values in foreign.values() for value in values}
        # The directory is read by all of a bank, but the names of its persons are masked.
        marks -= mine_all | self.shared | {*self.directory}
        marks |= {name for i, name in self.planted.directory.items() if i not in mine_all}
        for firm, code in self.uscc.items():
            if firm not in mine_all:
                marks |= {code, *self.planted.people.get(code, ())}
        marks |= {
            one.word
            for one in self.planted.canaries
            if not self._is_own(place, Row("", "", one.bank or "-", one.city, one.firm, None))
        }
        everywhere = stranger or place.reach != "province"
        foreign = {column: values - mine_all for column, values in foreign.items()}
        # Who other banks are is no secret, but what is done to them is theirs to do.
        foreign["institution_id"] = self.common["institution_id"] - {place.bank}
        own |= self.common | {"institution_id": {place.bank} - {""}}
        own["city_code"] = {f"{place.city}00"} if place.city else set()
        return Who(
            caller,
            {column: sorted(values) for column, values in own.items()},
            {column: sorted(values) for column, values in foreign.items()},
            frozenset(marks) if everywhere else frozenset[str](),
            everywhere,
        )

    def _all(self) -> Iterator[Row]:
        yield from self.rows
        for firm, region in self.region.items():
            yield Row("enterprise_id", firm, None, region, firm, None)

    def _is_own(self, place: Place, row: Row) -> bool | None:
        """Whether a row is the caller's; None where the row alone does not tell."""
        bank, region, firm = self.accounts.get(row.maker or "", ("", "", ""))
        match place.reach:
            case "institution":
                in_care = (row.firm or "", place.bank) in self.access
                return (row.bank or bank) == place.bank or (row.bank is None and in_care)
            case "city":
                where = row.region or self.region.get(row.firm or "") or region
                return where[:4] == place.city if where else None
            case "enterprise":
                return place.firm in (row.firm, firm)
            case _:
                return row.maker == place.account


def _first(columns: list[str], *names: str) -> str | None:
    return next((f'"{name}"' for name in names if name in columns), None)

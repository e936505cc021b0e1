"""Enterprises found as people type: words, filters, facets; and the names' spellings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from services.registry.domain.spelling import Word
from services.registry.store.bulk import change_rows, fetch
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction
from shared.platform.principal import Principal

_BANK_ROLES: Final = ("bank_head", "branch_head", "relationship_manager", "bank_core")
# So many matches of a word are picked out by the index; more are as quickly met by walking.
FEW: Final = 2_000
_STAGE: Final = (
    "(select s.stage from enterprise_stage s where s.enterprise_id = e.enterprise_id"
    " and s.valid_from <= {} order by s.valid_from desc limit 1)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked for; what is None does not matter. `region` and `industry` include below."""

    words: tuple[Word, ...] = ()
    region: str | None = None
    industries: tuple[str, ...] | None = None
    has_loan: bool | None = None
    loan_unknown: bool = False
    stage: str | None = None
    list_vintage: str | None = None
    institution_id: UUID | None = None
    ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An enterprise in a result, without persons."""

    enterprise_id: UUID
    uscc: str
    name: str
    region_code: str
    registered_address: str
    business_address: str
    industry_code: str | None
    has_loan: bool | None
    stage: str | None
    founded_on: date | None
    employees: int | None
    list_vintage: str


async def conditions_of(tx: Transaction, search: Search) -> Conditions:
    """The conditions on `e`, with what the caller may see among them."""
    where = Conditions()
    add_scope(where, tx.principal)
    for word in search.words:
        await _add_word(tx, where, word)
    if search.region:
        where.add("e.region_code like {}", _below(search.region))
    if search.industries is not None:
        where.add("e.industry_code = any({})", list(search.industries))
    where.add_given("e.has_loan = {}", search.has_loan)
    if search.loan_unknown:
        where.add("e.has_loan is null")
    if search.stage:
        where.add(f"{_STAGE} = {{}}", tx.today, search.stage)
    if search.list_vintage:
        where.add(
            "exists (select from list_member m where m.list_vintage = {}"
            " and m.enterprise_id = e.enterprise_id)",
            search.list_vintage,
        )
    if search.institution_id:
        where.add(
            "exists (select from access a where a.enterprise_id = e.enterprise_id"
            " and a.institution_id = {})",
            search.institution_id,
        )
    if search.ids is not None:
        where.add("e.enterprise_id = any({})", list(search.ids))
    return where


def add_scope(where: Conditions, principal: Principal) -> None:
    """Only enterprises `e` that the caller may see: all, the city's, or those in care."""
    if principal.sees_all:
        return
    if principal.role == "bureau":
        where.add("e.region_code like {}", principal.city_prefix() + "%")
    elif principal.role in _BANK_ROLES:
        where.add(
            "exists (select from access a where a.enterprise_id = e.enterprise_id"
            " and a.institution_id = {})",
            principal.institution_id,
        )
    else:
        where.add("false")


async def _add_word(tx: Transaction, where: Conditions, word: Word) -> None:
    """Pick a rare word's enterprises out by the index; meet a frequent word's on the way."""
    if word.kind == "code":
        where.add("e.uscc like {}", f"{word.text}%")
        return
    columns, pattern = _pattern(word)
    like = " or ".join(f"n.{column} like {{0}}" for column in columns)
    rows = await fetch(
        tx,
        f"select enterprise_id from enterprise_name n where {like.format('$1')} limit {FEW + 1}",
        pattern,
    )
    if len(rows) <= FEW:
        where.add("e.enterprise_id = any({})", [row[0] for row in rows])
    else:
        where.add(
            "exists (select from enterprise_name n where n.enterprise_id = e.enterprise_id"
            f" and ({like}))",
            pattern,
        )


def _pattern(word: Word) -> tuple[tuple[str, ...], str]:
    """Where a word is looked for: names of before stand in the spelling only."""
    literal = word.text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    match word.kind:
        case "pair":
            return ("spelled",), f"% {literal} %"
        case "start":  # two initials, how the pinyin begins, or one character
            return ("spelled",), f"% {literal}%"
        case "spelled":
            return ("spelled",), f"%{literal}%"
        case _:
            return ("name", "spelled"), f"%{literal}%"


def _below(code: str) -> str:
    return (code.removesuffix("0000") if code.endswith("0000") else code.removesuffix("00")) + "%"


async def find(tx: Transaction, search: Search, *, after: str | None, limit: int) -> list[Found]:
    """Enterprises by credit code, behind `after`; one more than asked for, if there are."""
    where = await conditions_of(tx, search)
    where.add_given("e.uscc > {}", after)
    stage = _STAGE.format(where.bind(tx.today))
    rows = await fetch(
        tx,
        "select e.enterprise_id, e.uscc, e.name, e.region_code, e.registered_address,"
        f" e.business_address, e.industry_code, e.has_loan, {stage}, e.founded_on, e.employees,"
        f" e.list_vintage from enterprise e{where.sql}"
        f" order by e.uscc limit {where.bind(limit + 1)}",
        *where.values,
    )
    return [Found(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Facets:
    """How many of a search's enterprises have which value, by facet; None: not known.

    `institutions`: id, name, and how many are assigned to it; an enterprise may be to several.
    """

    total: int
    counts: dict[str, list[tuple[str | None, int]]]
    institutions: list[tuple[UUID, str, int]]


_FACETS: Final = ("region", "industry", "has_loan", "stage", "list_vintage")


async def facets(tx: Transaction, search: Search) -> Facets:
    """Count a search's enterprises by city, industry, loan, stage and newest list, in one pass."""
    where = await conditions_of(tx, search)
    institutions = await _by_institution(tx, where)
    today = where.bind(tx.today)
    rows = await fetch(
        tx,
        "with stages as materialized (select distinct on (enterprise_id) enterprise_id, stage"
        f" from enterprise_stage where valid_from <= {today}"
        " order by enterprise_id, valid_from desc),"
        " found as (select left(e.region_code, 4) || '00' as region, e.industry_code as industry,"
        " e.has_loan::text as has_loan, s.stage, e.list_vintage from enterprise e"
        f" left join stages s using (enterprise_id){where.sql})"
        f" select grouping({', '.join(_FACETS)}) as which, {', '.join(_FACETS)}, count(*) as n"
        " from found group by grouping sets ((region), (industry), (has_loan), (stage),"
        " (list_vintage), ()) order by n desc, 2, 3, 4, 5, 6",
        *where.values,
    )
    counts: dict[str, list[tuple[str | None, int]]] = {name: [] for name in _FACETS}
    total = 0
    for which, *values, count in rows:
        # One bit per facet that is not grouped by; the total groups by none.
        at = next((n for n in range(5) if not which & (16 >> n)), None)
        if at is None:
            total = count
        else:
            counts[_FACETS[at]].append((values[at], count))
    return Facets(total, counts, institutions)


async def _by_institution(tx: Transaction, where: Conditions) -> list[tuple[UUID, str, int]]:
    """Those in an institution's care, counted by it, as far as the caller sees the care."""
    rows = await fetch(
        tx,
        "select a.institution_id, coalesce(i.name, ''), count(distinct a.enterprise_id) as n"
        " from enterprise e join access a on a.enterprise_id = e.enterprise_id"
        f" left join institution i on i.institution_id = a.institution_id{where.sql}"
        " group by 1, 2 order by n desc, 2, 1",
        *where.values,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def unspelled(tx: Transaction, limit: int) -> list[tuple[UUID, str, list[str]]]:
    """Names whose spelling is missing or of an earlier name, each with those it had before."""
    rows = await fetch(
        tx,
        "select enterprise_id, name, array(select f.name from enterprise_former_name f"
        " where f.enterprise_id = n.enterprise_id order by f.valid_to)"
        " from enterprise_name n where spelled_name <> name limit $1",
        limit,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def put_spelled(tx: Transaction, rows: Sequence[tuple[UUID, str, str]]) -> None:
    """Keep spellings: enterprise, the name they are of, the spelling."""
    types: dict[str, str] = {"enterprise_id": "uuid", "spelled_name": "text", "spelled": "text"}
    await change_rows(tx, "enterprise_name", "enterprise_id", types, rows)

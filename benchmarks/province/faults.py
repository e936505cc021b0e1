"""Put faults into rows the way people do, and keep book of every one.

A *fault* is something an import has to refuse or to show to a person; a *slip* is something an
import repairs without asking: full-width digits, spaces, another way of writing a date.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.province.draws import Draws

Row = dict[str, str]
_TO_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
NAME, USCC = "企业名称", "统一社会信用代码"
REGISTERED, BUSINESS = "注册地址", "经营地址"
LOAN, INDUSTRY, FOUNDED, REVENUE = "是否有贷款", "所属行业", "成立日期", "销售收入(万元)"


@dataclass(frozen=True, slots=True)
class Mark:
    """What was done to a row: the column, the code an import should give, and the outcome."""

    code: str
    column: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to spoil a row."""

    mark: Mark
    spoil: Callable[[Row], Row]


def wide(text: str) -> str:
    """Write ASCII in full width."""
    return text.translate(_TO_WIDE)


def _set(column: str, value: str) -> Callable[[Row], Row]:
    return lambda row: row | {column: value}


def _no_address(row: Row) -> Row:
    return row | {REGISTERED: "", BUSINESS: ""}


def _street_only(row: Row) -> Row:
    return row | {REGISTERED: "样例科技园8号楼", BUSINESS: "样例科技园8号楼"}


def _other_province(row: Row) -> Row:
    place = "浙江省杭州市样例科技路1号"
    return row | {REGISTERED: place, BUSINESS: place}


def _city_only(row: Row) -> Row:
    place = "江苏省苏州市样例科技路66号"
    return row | {REGISTERED: place, BUSINESS: place}


def _wrong_check(row: Row) -> Row:
    code = row[USCC]
    return row | {USCC: code[:-1] + ("1" if code[-1] == "0" else "0")}


ENTERPRISE_FAULTS = (
    Fault(Mark("uscc.check_character", USCC, "refused"), _wrong_check),
    Fault(Mark("uscc.length", USCC, "refused"), lambda row: row | {USCC: row[USCC][:-1]}),
    Fault(Mark("uscc.format", USCC, "refused"), lambda row: row | {USCC: row[USCC][:17] + "O"}),
    Fault(Mark("uscc.missing", USCC, "refused"), _set(USCC, "")),
    Fault(Mark("name.missing", NAME, "refused"), _set(NAME, "")),
    Fault(Mark("address.missing", BUSINESS, "refused"), _no_address),
    Fault(Mark("address.outside_provinces", BUSINESS, "refused"), _other_province),
    Fault(Mark("address.nothing_recognised", BUSINESS, "doubtful"), _street_only),
    Fault(Mark("address.county_missing", BUSINESS, "doubtful"), _city_only),
    Fault(Mark("flag.format", LOAN, "refused"), _set(LOAN, "不详")),
    Fault(Mark("industry.unknown", INDUSTRY, "refused"), _set(INDUSTRY, "其他未列明")),
    Fault(Mark("date.format", FOUNDED, "refused"), _set(FOUNDED, "2015-13-45")),
    Fault(Mark("money.format", REVENUE, "refused"), _set(REVENUE, "约500")),
)


def _grouped(row: Row) -> Row:
    whole, _, rest = row[REVENUE].partition(".")
    return row | {REVENUE: f"{int(whole):,}" + (f".{rest}" if rest else "")}


def _other_date(row: Row) -> Row:
    year, month, day = row[FOUNDED].split("-")
    return row | {FOUNDED: f"{year}/{int(month)}/{int(day)}"}


ENTERPRISE_SLIPS: tuple[tuple[str, Callable[[Row], Row]], ...] = (
    ("uscc.full_width", lambda row: row | {USCC: wide(row[USCC])}),
    ("uscc.lower_case_and_spaces", lambda row: row | {USCC: f" {row[USCC].lower()} "}),
    ("uscc.inner_space", lambda row: row | {USCC: f"{row[USCC][:9]} {row[USCC][9:]}"}),
    ("name.spaces", lambda row: row | {NAME: f" {row[NAME]}\u3000"}),
    ("name.full_width_brackets", lambda row: row | {NAME: wide(row[NAME])}),
    ("address.full_width", lambda row: row | {BUSINESS: wide(row[BUSINESS])}),
    ("address.inner_space", lambda row: row | {BUSINESS: row[BUSINESS].replace("样例", " 样例 ")}),
    ("money.thousands", _grouped),
    ("money.full_width", lambda row: row | {REVENUE: wide(row[REVENUE])}),
    ("date.slashes", _other_date),
    ("flag.space", lambda row: row | {LOAN: f"{row[LOAN]} "}),
    ("business_address.missing", lambda row: row | {BUSINESS: ""}),
)


@dataclass(frozen=True, slots=True)
class Spoiled:
    """Rows as written, with the mark or slip of each that has one, by position."""

    rows: list[Row]
    marks: dict[int, Mark]
    slips: dict[int, str]


def spoil_enterprises(seed: int, rows: Sequence[Row], share: float) -> Spoiled:
    """Spoil a share of the rows, repeat some, and let a few slips happen elsewhere.

    A quarter of the faults are repeated rows, which come as additions: no enterprise is lost
    by one. All other faults spoil the only row of an enterprise.
    """
    draws = Draws(seed, 8)
    total = max(round(len(rows) * share), len(ENTERPRISE_FAULTS) + 1)
    repeats = max(total // 4, 1)
    order = draws.order(len(rows)).tolist()
    spoiled, rest = order[: total - repeats], order[total - repeats :]
    written: list[Row] = list(rows)
    marks: dict[int, Mark] = {}
    for turn, at in enumerate(spoiled):
        fault = ENTERPRISE_FAULTS[turn % len(ENTERPRISE_FAULTS)]
        written[at] = fault.spoil(written[at])
        marks[at] = fault.mark
    slips: dict[int, str] = {}
    for turn, at in enumerate(rest[repeats : repeats + len(rows) // 20]):
        name, slip = ENTERPRISE_SLIPS[turn % len(ENTERPRISE_SLIPS)]
        # Without the business address the registered one stands in, so the two must agree.
        if name == "business_address.missing":
            written[at] = written[at] | {REGISTERED: written[at][BUSINESS]}
        written[at] = slip(written[at])
        slips[at] = name
    for at in rest[:repeats]:
        marks[len(written)] = Mark("row.duplicate", USCC, "refused")
        written.append(dict(written[at]))
    return Spoiled(written, marks, slips)

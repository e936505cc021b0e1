"""What is known of an enterprise: facts, each of a day and from a source, and never guessed.

A sheet holds what one source stated for one day. A fact that no sheet names is unknown; a fact
stated as None is known not to exist (no certificate, no award).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, TypedDict, cast

import msgspec

from shared.kernel.errors import BadInput

FactKind = Literal["count", "fen", "flag", "date", "rights"]
RightKind = Literal[
    "invention_patent", "plant_variety", "crop_variety", "new_drug", "protected_medicine",
    "circuit_layout", "utility_model", "design", "software_copyright", "trademark",
]  # fmt: skip
CLASS_ONE: Final = frozenset(
    (
        "invention_patent", "plant_variety", "crop_variety", "new_drug", "protected_medicine",
        "circuit_layout",
    )
)  # fmt: skip
CLASS_TWO: Final = frozenset(("utility_model", "design", "software_copyright"))


class Right(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One intellectual-property right; what is None is not known.

    `held_since` is the day it is in force from, `valid_until` its last day. `main_product`: it
    belongs to the main product. The four last say why an invention patent may be of high value.
    """

    kind: RightKind
    number: str
    held_since: date | None = None
    valid_until: date | None = None
    main_product: bool | None = None
    strategic_industry: bool | None = None
    family_abroad: bool | None = None
    pledged_fen: int | None = None
    awarded: bool | None = None


Value = int | bool | date | tuple[Right, ...] | None


@dataclass(frozen=True, slots=True)
class FactType:
    """A fact of the catalogue; `nullable` where "there is none" can be stated."""

    name: str
    title: str
    kind: FactKind
    nullable: bool = False


CATALOGUE: Final[dict[str, FactType]] = {
    each.name: each
    for each in (
        FactType("founded_on", "成立日期", "date"),
        FactType("staff", "职工总数", "count"),
        FactType("rd_staff", "科技人员数", "count"),
        FactType("sales", "年销售收入", "fen"),
        FactType("rd", "年研发费用", "fen"),
        FactType("cost", "年成本费用总额", "fen"),
        FactType("assets", "资产总额", "fen"),
        FactType("resident", "境内注册的居民企业", "flag"),
        FactType("barred_products", "产品或服务属于禁止、限制、淘汰类", "flag"),
        FactType("serious_accident", "重大安全或质量事故", "flag"),
        FactType("environmental_offence", "严重环境违法", "flag"),
        FactType("research_misconduct", "科研严重失信", "flag"),
        FactType("abnormal_listing", "经营异常名录或严重违法失信名单", "flag"),
        FactType("rights", "知识产权", "rights"),
        FactType("class_one_rights", "Ⅰ类知识产权数(有效,属主要产品)", "count"),
        FactType("class_two_rights", "Ⅱ类知识产权数(有效,属主要产品)", "count"),
        FactType("high_value_patents", "高价值发明专利数", "count"),
        FactType("core_right_in_product", "高价值知识产权用于主导产品", "flag"),
        FactType("high_tech_until", "高新技术企业证书有效期至", "date", nullable=True),
        FactType("national_award_on", "国家级科技奖励获奖日期", "date", nullable=True),
        FactType("national_award_place", "国家级科技奖励排名", "count", nullable=True),
        FactType("provincial_institution", "省部级以上研发机构", "flag"),
        FactType("led_standard_on", "主导制定标准的发布日期", "date", nullable=True),
    )
}
_TYPES: Final[dict[FactKind, Any]] = {
    "count": int, "fen": int, "flag": bool, "date": date, "rights": tuple[Right, ...],
}  # fmt: skip
_ORDERED: Final = (("rd_staff", "staff"),)
_FIELDS: Final = {
    name: _TYPES[each.kind] | None if each.nullable else _TYPES[each.kind]
    for name, each in CATALOGUE.items()
}
# Made from the catalogue, which no type checker can follow.
_STORED: Final = msgspec.json.Decoder(cast("Any", TypedDict)("Stored", _FIELDS, total=False))


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one source stated for one day; values in their own types."""

    as_of: date
    source: str
    values: Mapping[str, Value]


class Stated(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fact as stated: which, what, of which day, and by whom."""

    name: str
    value: Value
    as_of: date
    source: str


class Facts:
    """The facts of one enterprise; of several statements the one of the latest day counts.

    Sheets come in the order of their days, the latest first; of one day the first one counts.
    """

    __slots__ = ("_sheets",)

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        self._sheets = sheets

    def get(self, name: str) -> Stated | None:
        """The latest statement of a fact; None where it is unknown."""
        for sheet in self._sheets:
            if name in sheet.values:
                return _stated(name, sheet)
        return None

    def together(self, *names: str) -> tuple[Stated, ...] | None:
        """Facts of one and the same day, the latest that has them all: a ratio needs such.

        Staff of this year over staff of the year before would be a number, but no ratio.
        """
        found: dict[str, Sheet] = {}
        day: date | None = None
        for sheet in self._sheets:
            if sheet.as_of != day:
                found, day = {}, sheet.as_of
            for name in names:
                if name in sheet.values and name not in found:
                    found[name] = sheet
            if len(found) == len(names):
                return tuple(_stated(name, found[name]) for name in names)
        return None


def _stated(name: str, sheet: Sheet) -> Stated:
    return Stated(name, sheet.values[name], sheet.as_of, sheet.source)


def stored_values(raw: str) -> Mapping[str, Value]:
    """Return the values of a sheet as it was kept: they were read by `read_values` before.

    Units:   amounts in fen.
    Raises:  msgspec.ValidationError, where the stored text is no such sheet.
    Source:  TS-01 to TS-06, JL-01.
    """
    return _STORED.decode(raw)  # pyright: ignore[reportReturnType]


def read_values(raw: Mapping[str, Any]) -> dict[str, Value]:
    """Return stored or received values in their own types.

    Units:   amounts in fen.
    Raises:  BadInput `facts.unknown_name`, `facts.format`, `facts.negative`, `facts.contradict`.
    Source:  TS-01 to TS-06, JL-01.
    """
    values = {name: _value(name, each) for name, each in raw.items()}
    for part, whole in _ORDERED:
        few, many = values.get(part), values.get(whole)
        if isinstance(few, int) and isinstance(many, int) and few > many:
            raise BadInput(
                "facts.contradict",
                "数据互相矛盾",
                f"{CATALOGUE[part].title}({few})大于{CATALOGUE[whole].title}({many})",
            )
    return values


def _value(name: str, raw: object) -> Value:
    known = CATALOGUE.get(name)
    if known is None:
        raise BadInput("facts.unknown_name", "没有这项数据", name[:40])
    if raw is None:
        if known.nullable:
            return None
        raise BadInput("facts.format", "数据格式不正确", f"{known.title}:不知道时不填,不能填空值")
    try:
        value: Value = msgspec.convert(raw, _TYPES[known.kind])
    except msgspec.ValidationError as error:
        raise BadInput("facts.format", "数据格式不正确", f"{known.title}:{error}") from error
    if known.kind in ("count", "fen") and isinstance(value, int) and value < 0:
        raise BadInput("facts.negative", "数值不能为负数", known.title)
    return value

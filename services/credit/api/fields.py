"""Field types of pushed rows: exact or refused, never guessed."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, get_args

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints

from shared.contracts.credit import OriginType, SecurityType
from shared.kernel.errors import BadInput
from shared.platform.fields import FieldProblem

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# No loan of a living bank is older or longer; years beyond are slips of typing.
_EARLIEST: Final = date(1980, 1, 1)
_LATEST: Final = date(2199, 12, 31)
_RATE: Final = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,2})0*)?%?")

Number = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:/#-]+$")
]
"""A bank's own number of a line, loan or movement."""


def _day(value: object) -> object:
    # Pydantic would also take a number of seconds or a midnight; a bank's file means neither.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise FieldProblem(BadInput("date.format", "日期应为 2022-09-30 的形式"))
    return value


def _plausible(day: date) -> date:
    if not _EARLIEST <= day <= _LATEST:
        raise FieldProblem(BadInput("date.implausible", "日期年份不合理"))
    return day


def _plausible_instant(instant: datetime) -> datetime:
    _plausible(instant.date())
    return instant


def _code_of(known: tuple[str, ...]) -> BeforeValidator:
    def check(value: object) -> object:
        if value not in known:
            allowed = "、".join(known)
            raise FieldProblem(BadInput("code.unknown", "代码不在清单中", f",可用:{allowed}"))
        return value

    return BeforeValidator(check)


def rate_bp(value: object) -> int:
    """Read a yearly rate in percent, `"4.35"` or `"4.35%"`, as basis points; never a finer one.

    Units:   percent in, basis points out.
    Raises:  FieldProblem `rate.format`.
    Source:  I4.
    """
    if not isinstance(value, str) or not _RATE.fullmatch(value):
        raise FieldProblem(BadInput("rate.format", "年利率应为百分数,最多两位小数,如 4.35"))
    return int(Decimal(value.removesuffix("%")) * 100)


Day = Annotated[date, BeforeValidator(_day), AfterValidator(_plausible)]
Origin = Annotated[OriginType, _code_of(get_args(OriginType))]
Security = Annotated[SecurityType, _code_of(get_args(SecurityType))]
RatePercent = Annotated[int, BeforeValidator(rate_bp)]
Instant = Annotated[AwareDatetime, AfterValidator(_plausible_instant)]

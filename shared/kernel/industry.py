"""Industries by the national classification GB/T 4754-2017: 20 sections, 97 divisions."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from shared.kernel import tables
from shared.kernel.errors import BadInput

_CODE = re.compile(r"[A-T]?[0-9]{2,4}|[A-T]")


@dataclass(frozen=True, slots=True)
class Industry:
    """A section (code `C`) or a division (code `35`, in section `C`)."""

    code: str
    section: str
    name: str

    @property
    def is_section(self) -> bool:
        """Tell whether it is one of the twenty sections."""
        return self.code == self.section


@cache
def _by_code() -> MappingProxyType[str, Industry]:
    return MappingProxyType({row["code"]: Industry(**row) for row in tables.rows("industries.csv")})


@cache
def _by_name() -> MappingProxyType[str, Industry]:
    # 房地产业, 教育 and 国际组织 name a section and its only division: the division is finer.
    return MappingProxyType({_folded(each.name): each for each in _by_code().values()})


def _folded(name: str) -> str:
    return re.sub(r"[\s、,和及]", "", unicodedata.normalize("NFKC", name))


def industries() -> tuple[Industry, ...]:
    """Return all sections and divisions in the order of the standard."""
    return tuple(_by_code().values())


def industry(code: str) -> Industry:
    """Return the section or division of a code.

    Units:   `C` or `35`.
    Raises:  BadInput `industry.unknown`.
    Source:  JS-05, GB/T 4754-2017.
    """
    found = _by_code().get(code)
    if found is None:
        raise BadInput("industry.unknown", "行业代码不存在", code[:20])
    return found


def section_of(code: str) -> Industry:
    """Return the section a code belongs to.

    Units:   `C` or `35` in, section out.
    Raises:  BadInput `industry.unknown`.
    Source:  JS-05.
    """
    return industry(industry(code).section)


def read(cell: str) -> Industry:
    """Return the division (or section) that a cell means: a code of any depth, or a name.

    Groups and classes (`C3512`, `351`) are folded into their division.

    Units:   text as in a list: `35`, `C35`, `3512`, `专用设备制造业`, `35 专用设备制造业`.
    Raises:  BadInput `industry.unknown`.
    Source:  JS-04, JS-05.
    """
    text = unicodedata.normalize("NFKC", cell).strip()
    named = _by_name().get(_folded(text))
    if named:
        return named
    found = _CODE.match(text.upper())
    if found is None:
        raise BadInput("industry.unknown", "无法识别的行业", cell[:40])
    digits = found[0].lstrip("ABCDEFGHIJKLMNOPQRST")
    read_as = industry(digits[:2] if digits else found[0])
    if digits and found[0][0].isalpha() and found[0][0] != read_as.section:
        raise BadInput("industry.unknown", "行业门类与大类不一致", cell[:40])
    return read_as

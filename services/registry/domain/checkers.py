"""The checker of each kind of file."""

from collections.abc import Callable
from typing import Final

from services.registry.domain.banks import institution_checker, outlet_checker, staff_checker
from services.registry.domain.enterprises import enterprise_checker
from services.registry.domain.fact_rows import facts_checker
from services.registry.domain.header import Header
from services.registry.domain.records import Kind
from services.registry.domain.rows import Checker

CHECKERS: Final[dict[Kind, Callable[[Header], Checker]]] = {
    "enterprises": enterprise_checker,
    "institutions": institution_checker,
    "outlets": outlet_checker,
    "staff": staff_checker,
    "facts": facts_checker,
}

"""Whose rows a caller may see: what lies outside does not exist for them."""

from dataclasses import dataclass
from datetime import date

from shared.platform.principal import Principal

_IN_CITY = """{table}.enterprise_id in (
  select c.enterprise_id from enterprise_region c where c.region_code like {prefix}
  and not exists (select from enterprise_region n where n.enterprise_id = c.enterprise_id
    and n.valid_from > c.valid_from and n.valid_from <= {today})
  and (c.valid_from <= {today} or not exists (select from enterprise_region e
    where e.enterprise_id = c.enterprise_id and e.valid_from < c.valid_from)))"""


@dataclass(slots=True)
class Filter:
    """Conditions and their values, numbered as they are added."""

    parts: list[str]
    values: list[object]

    def where(self, condition: str, *values: object) -> None:
        """Add a condition; each `{}` in it stands for the next value."""
        first = len(self.values) + 1
        self.parts.append(condition.format(*(f"${first + n}" for n in range(len(values)))))
        self.values.extend(values)

    def sql(self) -> str:
        """All conditions, joined."""
        return " and ".join(self.parts) or "true"


def visible(table: str, principal: Principal, today: date) -> Filter:
    """The rows of `table` (an alias in the statement) that the caller may see.

    A bank's people see their own institution's, a bureau those of enterprises now in its city.
    """
    seen = Filter([], [])
    if principal.sees_all:
        return seen
    if principal.role == "bureau" and principal.city_prefix():
        condition = _IN_CITY.format(table=table, prefix="{0}", today="{1}")
        seen.values += [principal.city_prefix() + "%", today]
        seen.parts.append(condition.format("$1", "$2"))
    elif principal.institution_id is not None:
        seen.where(f"{table}.institution_id = {{}}", principal.institution_id)
    else:
        seen.where("false")
    return seen

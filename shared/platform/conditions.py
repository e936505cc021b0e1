"""Puts the conditions of a query together; values always travel as parameters."""

from shared.platform.principal import Principal


class Conditions:
    """A list of SQL conditions and the values they stand on, numbered as the driver wants."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = list(conditions)
        self.values: list[object] = []

    def add(self, condition: str, *values: object) -> None:
        """Add a condition; each `{}` in it takes the next value."""
        self._conditions.append(condition.format(*(self.bind(value) for value in values)))

    def add_given(self, condition: str, value: object | None) -> None:
        """Add a filter only where the caller gave a value for it."""
        if value is not None:
            self.add(condition, value)

    def apart(self) -> "Conditions":
        """No conditions yet, for another part of the same query: values are numbered on."""
        other = Conditions()
        other.values = self.values
        return other

    def bind(self, value: object) -> str:
        """The placeholder of a value used elsewhere in the query."""
        self.values.append(value)
        return f"${len(self.values)}"

    def add_region_or_institution(self, principal: Principal, alias: str) -> None:
        """Only rows of the caller's city or bank; those whose reach is the province see all."""
        if principal.reads_all:
            return
        if principal.reach == "city":
            self.add(f"{alias}.region_code like {{}} || '%'", principal.city_prefix() or "none")
        else:
            self.add(f"{alias}.institution_id = {{}}", principal.institution_id)

    @property
    def sql(self) -> str:
        """The `where` clause, empty where nothing restricts."""
        return f" where {' and '.join(self._conditions)}" if self._conditions else ""

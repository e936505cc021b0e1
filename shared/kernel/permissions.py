"""The permission matrix: which role may do what to which resource, and how far it sees.

One file of data (`data/permissions.toml`) from which guards, row policies, tests and the page
docs/permissions.md come. What it does not name is refused.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "data" / "permissions.toml"
REACHES = ("province", "city", "institution", "enterprise", "own", "none")


@dataclass(frozen=True, slots=True)
class Role:
    """A role's name for people, and whose rows a database shows it at most."""

    code: str
    title: str
    reach: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource's name for people, and its grants: role → action → scope."""

    code: str
    title: str
    grants: dict[str, dict[str, str]]

    def actions(self) -> set[str]:
        """Everything that somebody may do to it."""
        return {action for granted in self.grants.values() for action in granted}


@dataclass(frozen=True, slots=True)
class TwoPeople:
    """A deed that takes a second person: its name for people, who may do it, who may agree."""

    code: str
    title: str
    makers: frozenset[str]
    checkers: frozenset[str]


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


@cache
def _matrix() -> tuple[dict[str, Role], dict[str, Resource]]:
    raw = _data()
    roles = {code: Role(code, row["title"], row["reach"]) for code, row in raw["roles"].items()}
    resources = {
        code: Resource(code, row["title"], {k: v for k, v in row.items() if k != "title"})
        for code, row in raw["resources"].items()
    }
    unknown = {role for one in resources.values() for role in one.grants} - roles.keys()
    if unknown or any(role.reach not in REACHES for role in roles.values()):
        raise ValueError(f"permissions.toml names unknown roles or reaches: {unknown}")
    return roles, resources


def roles() -> dict[str, Role]:
    """All roles by code."""
    return _matrix()[0]


def resources() -> dict[str, Resource]:
    """All resources by code."""
    return _matrix()[1]


@cache
def two_people() -> dict[str, TwoPeople]:
    """What takes two people, by code.

    Raises: LookupError: nobody may do the deed, or a checker is no role.
    """
    found: dict[str, TwoPeople] = {}
    for code, row in _data()["two_people"].items():
        makers = frozenset(role.code for role in roles_with(*row["deed"].split(".")))
        checkers = frozenset(roles()[role].code for role in row["checkers"])
        found[code] = TwoPeople(code, row["title"], makers, checkers)
    return found


def scope_of(role: str, resource: str, action: str) -> str | None:
    """How far a role may do this; None where it may not at all (the default).

    Raises: LookupError: nobody may: the resource or the action is misspelt.
    """
    found = resources().get(resource)
    if found is None or action not in found.actions():
        raise LookupError(f"permissions.toml grants {resource}.{action} to nobody")
    return found.grants.get(role, {}).get(action)


def roles_with(resource: str, action: str) -> Iterator[Role]:
    """The roles that may do this."""
    return (role for role in roles().values() if scope_of(role.code, resource, action))

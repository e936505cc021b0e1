"""The standards enterprises are judged by, as dated data, and the reader of them.

A version is chosen by the day that is judged; what an older version said stays readable for ever.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from shared.kernel.errors import BadInput

StandardName = Literal["tech_sme", "four_tech", "stage"]
STANDARDS: Final[tuple[StandardName, ...]] = ("tech_sme", "four_tech", "stage")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a standard: the days it holds, its limits, and the titles of its criteria."""

    standard: StandardName
    id: str
    in_force_from: date
    limits: dict[str, Any]
    titles: dict[str, str]

    def __getitem__(self, name: str) -> Any:
        return self.limits[name]


@cache
def versions(standard: StandardName) -> tuple[Version, ...]:
    """Return every version of a standard, the newest first."""
    text = (files("services.registry.domain.standards") / f"{standard}.toml").read_text("utf-8")
    read = [
        Version(standard, each["id"], each["in_force_from"], each["limits"], each["titles"])
        for each in tomllib.loads(text)["version"]
    ]
    return tuple(sorted(read, key=lambda version: version.in_force_from, reverse=True))


def version_on(standard: StandardName, day: date) -> Version:
    """Return the version in force on a day.

    Units:   none.
    Raises:  BadInput `standard.not_in_force`: the day lies before the first version.
    Source:  R5: rule version; TS-01, JL-01, JL-03.
    """
    for version in versions(standard):
        if version.in_force_from <= day:
            return version
    raise BadInput("standard.not_in_force", "该日期尚无有效的评价标准", day.isoformat())


def version_named(standard: StandardName, version_id: str) -> Version:
    """Return a version by its id.

    Units:   none.
    Raises:  BadInput `standard.unknown_version`.
    Source:  R5: a judgement is explained by the version it was made with.
    """
    for version in versions(standard):
        if version.id == version_id:
            return version
    raise BadInput("standard.unknown_version", "没有这个版本的评价标准", version_id[:40])

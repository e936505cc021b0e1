"""Which life-cycle stage an enterprise is in, and from which day on (JL-03, R7)."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, cast

from services.registry.domain.facts import Facts, Stated
from services.registry.domain.standards import Version
from services.registry.domain.verdicts import Criterion, Judgement, all_of, verdict_of, whole_years


def judge_stage(facts: Facts, version: Version, day: date) -> Judgement:
    """Return the phase and stage of an enterprise on a day; None where facts leave several.

    Phases are tried in the version's order. One that may hold keeps those behind it possible, so
    the phase is known where one is left, and the stage where all that are left agree.

    Units:   years since founding; yuan of yearly sales.
    Raises:  nothing.
    Source:  JL-03.
    """
    age, sales = _age(facts, day), _sales(facts, day)
    left: list[str] = []
    for phase in version["phases"]:
        verdict = all_of(_conditions(phase, age, sales, day))
        if verdict != "not_met":
            left.append(phase["phase"])
        if verdict == "met":
            break
    families: Mapping[str, str] = version["families"]
    stages = {families[phase] for phase in left}
    phase = left[0] if len(set(left)) == 1 else None
    stage = stages.pop() if len(stages) == 1 else None
    criteria = (_shown("JL-03.age", age, "founded_on"), _shown("JL-03.sales", sales, "sales"))
    return Judgement(
        "stage",
        version.id,
        day,
        "met" if stage else "unknown",
        criteria,
        phase=phase,
        stage=stage,
    )


def _age(facts: Facts, day: date) -> Stated | None:
    founded = facts.get("founded_on")
    return founded if founded and cast("date", founded.value) <= day else None


def _sales(facts: Facts, day: date) -> Stated | None:
    sales = facts.get("sales")
    return sales if sales and sales.as_of.year >= day.year - 1 else None


def _conditions(phase: dict[str, Any], age: Stated | None, sales: Stated | None, day: date) -> Any:
    if (most := phase.get("age_below")) is not None:
        yield verdict_of(None if age is None else whole_years(cast("date", age.value), day) < most)
    if (most := phase.get("sales_below_yuan")) is not None:
        yield verdict_of(None if sales is None else cast("int", sales.value) < most * 100)


def _shown(key: str, stated: Stated | None, name: str) -> Criterion:
    if stated is None:
        return Criterion(key, "unknown", asked=(name,))
    return Criterion(key, "met", (stated,))


def changes_on(decided_on: date, *, first: bool) -> date:
    """Return the day from which a stage decided on a day holds.

    The day of the decision still belongs to the old stage, so a change on 30 June leaves the second
    quarter as it was; an enterprise without a stage gets its first one at once.

    Units:   local date.
    Raises:  nothing.
    Source:  R7, ST-07.
    """
    return decided_on if first else decided_on + timedelta(days=1)

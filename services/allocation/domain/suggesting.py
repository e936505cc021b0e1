"""Whom an institution might name: the nearest outlet's person with the fewest enterprises."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Waiting:
    """An assignment without a contact, with the institution's outlet nearest to the enterprise."""

    assignment_id: UUID
    institution_id: UUID
    nearest_outlet_id: UUID | None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the roster who may be named, with the enterprises they have now."""

    staff_id: UUID
    outlet_id: UUID
    institution_id: UUID
    load: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A contact that might be named; `at_nearest`: at the nearest outlet. None: nobody there."""

    assignment_id: UUID
    outlet_id: UUID | None
    staff_id: UUID | None
    at_nearest: bool
    load: int


def suggest(waiting: Iterable[Waiting], people: Iterable[Person]) -> tuple[Suggestion, ...]:
    """A person for each assignment: at the nearest outlet, else anywhere in the institution.

    Of several the one with the fewest enterprises, those suggested here counted.

    Units:   enterprises.
    Source:  rule JS-08; feature A6.
    """
    everybody = sorted(people, key=lambda one: one.staff_id.int)
    load = Counter({one.staff_id: one.load for one in everybody})
    at_outlet: dict[UUID, list[Person]] = {}
    at_bank: dict[UUID, list[Person]] = {}
    for one in everybody:
        at_outlet.setdefault(one.outlet_id, []).append(one)
        at_bank.setdefault(one.institution_id, []).append(one)
    return tuple(
        _one(each, at_outlet, at_bank, load)
        for each in sorted(waiting, key=lambda one: one.assignment_id.int)
    )


def _one(
    waiting: Waiting,
    at_outlet: Mapping[UUID, list[Person]],
    at_bank: Mapping[UUID, list[Person]],
    load: Counter[UUID],
) -> Suggestion:
    nearest = at_outlet.get(waiting.nearest_outlet_id, []) if waiting.nearest_outlet_id else []
    choice = nearest or at_bank.get(waiting.institution_id, [])
    if not choice:
        return Suggestion(waiting.assignment_id, None, None, at_nearest=False, load=0)
    best = min(choice, key=lambda one: load[one.staff_id])
    load[best.staff_id] += 1
    return Suggestion(
        waiting.assignment_id,
        best.outlet_id,
        best.staff_id,
        at_nearest=bool(nearest),
        load=load[best.staff_id],
    )

"""A city's solution in the published format, which anybody can check (docs/plan-file.md)."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

import numpy as np

from services.allocation.domain.engine.allocating import digest_of
from services.allocation.domain.engine.problem import City, Halves, Ints, Policy, Smalls

FORMAT, VERSION = "yinqi-allocation-plan", 1


def city_document(
    city: City, policy: Policy, choice: Smalls, metres: Ints, prices: Ints
) -> dict[str, Any]:
    """One city in order, with the bank of each row (or their number), metres, and prices.

    Units:   metres; micro-degrees; prices in units of the scores.
    Source:  features A3, U8.
    """
    rows, banks = len(city.enterprise), len(city.bank)
    nowhere = np.full(rows, -1, dtype=np.int64)
    return {
        "city": city.code,
        "policy": asdict(policy),
        "banks": {
            "id": _texts(city.bank),
            "capacity": city.capacity.tolist(),
            "past": [0] * banks if city.past is None else city.past.tolist(),
        },
        "outlets": {
            "id": _texts(city.outlet),
            "bank": city.outlet_bank.tolist(),
            "longitude_e6": city.outlet_place[:, 0].tolist(),
            "latitude_e6": city.outlet_place[:, 1].tolist(),
        },
        "enterprises": {
            "id": _texts(city.enterprise),
            "longitude_e6": city.place[:, 0].tolist(),
            "latitude_e6": city.place[:, 1].tolist(),
            "placed": city.placed.astype(int).tolist(),
            "has_loan": city.has_loan.astype(int).tolist(),
            "lenders": city.lenders.tolist(),
            "forbidden": city.forbidden.tolist(),
            "alike": city.alike.tolist(),
            "previous": (nowhere if city.previous is None else city.previous).tolist(),
            "fixed": (nowhere if city.fixed is None else city.fixed).tolist(),
        },
        "choice": np.where(choice < banks, choice, -1).tolist(),
        "metres": metres.tolist(),
        "prices": {"easy": prices[0].tolist(), "hard": prices[1].tolist()},
        "digest": digest_of(city, choice),
    }


def plan_document(plan: dict[str, Any], cities: list[dict[str, Any]]) -> dict[str, Any]:
    """A whole plan in the published format; `plan` has at least `assigned`, how many are placed."""
    return {"format": FORMAT, "version": VERSION, "plan": plan, "cities": cities}


def _texts(ids: Halves) -> list[str]:
    raw = ids.astype(">u8").tobytes()
    return [str(UUID(bytes=raw[at : at + 16])) for at in range(0, len(raw), 16)]

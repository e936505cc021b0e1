"""A group's solution in the published format, which anybody can check (docs/plan-file.md)."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

import numpy as np

from services.allocation.domain.engine.allocating import digest_of
from services.allocation.domain.engine.problem import City, Halves, Ints, Policy, Smalls

FORMAT, VERSION = "yinqi-allocation-plan", 2


def city_document(
    city: City, policy: Policy, choice: Smalls, metres: Ints, prices: Ints
) -> dict[str, Any]:
    """One group in order, with the node of each row (or their number), metres, and prices.

    Units:   metres; micro-degrees; prices in units of the scores.
    Source:  features A3, U8.
    """
    rows, banks = len(city.enterprise), len(city.bank)
    nowhere = np.full(rows, -1, dtype=np.int64)
    return {
        "kind": "nodes",
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
        "digest": digest_of(city.enterprise, city.bank, choice),
    }


def seated_document(
    city: City,
    policy: Policy,
    outlet: Smalls,
    metres: Ints,
    prices: Ints,
    scale: tuple[int, int],
) -> dict[str, Any]:
    """As `city_document` where outlets have limits: the outlet of each row, or -1, is its seat.

    `prices`: of a place at each outlet, then at each bank. `scale` are the shift of the scores and
    what no place costs in metres.

    Units:   metres; micro-degrees; prices in units of the scores.
    Source:  features A2, A3, U8.
    """
    assert city.outlet_capacity is not None  # the joint form is solved with them
    nowhere = len(city.bank)
    choice = np.where(outlet >= 0, city.outlet_bank[outlet], nowhere).astype(np.int32)
    document = city_document(city, policy, choice, metres, np.zeros((2, nowhere), dtype=np.int64))
    seats = len(city.outlet)
    document["outlets"] |= {
        "capacity": city.outlet_capacity.tolist(),
        "price": prices[:seats].tolist(),
    }
    document["banks"]["price"] = prices[seats:].tolist()
    del document["prices"]
    return document | {
        "kind": "seats",
        "seat": outlet.tolist(),
        "shift": scale[0],
        "overflow_m": scale[1],
        "digest": digest_of(city.enterprise, city.outlet, outlet),
    }


def plan_document(plan: dict[str, Any], cities: list[dict[str, Any]]) -> dict[str, Any]:
    """A whole plan in the published format; `plan` has at least `assigned`, how many are placed."""
    return {"format": FORMAT, "version": VERSION, "plan": plan, "cities": cities}


def _texts(ids: Halves) -> list[str]:
    raw = ids.astype(">u8").tobytes()
    return [str(UUID(bytes=raw[at : at + 16])) for at in range(0, len(raw), 16)]

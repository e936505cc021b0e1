"""The province's product catalogue: versions as data, shipped in `products.json` (JS-15, C1).

A version never changes once released; a new one is added with its own dates. An application keeps
the version it was filed under.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from shared.kernel.errors import BadInput
from shared.kernel.money import fen_from_yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One version of a product; `in_force_until` is its last day."""

    code: str
    version: int
    name: str
    in_force_from: date
    in_force_until: date | None
    term_months_max: int
    limit_fen: int
    for_whom: str
    note: str

    def in_force(self, day: date) -> bool:
        """Tell whether it may be applied for on a day."""
        return self.in_force_from <= day and (not self.in_force_until or day <= self.in_force_until)


@cache
def catalogue() -> tuple[Product, ...]:
    """Return all versions of all products, in the order of the file.

    Units:   fen.
    Raises:  nothing for the shipped file.
    Source:  JS-15.
    """
    text = (files("services.credit.domain") / "products.json").read_text(encoding="utf-8")
    return tuple(
        Product(
            code=entry["code"],
            version=entry["version"],
            name=entry["name"],
            in_force_from=date.fromisoformat(entry["in_force_from"]),
            in_force_until=(
                date.fromisoformat(entry["in_force_until"]) if entry["in_force_until"] else None
            ),
            term_months_max=entry["term_months_max"],
            limit_fen=fen_from_yuan(entry["limit"]),
            for_whom=entry["for_whom"],
            note=entry["note"],
        )
        for entry in json.loads(text)
    )


def product_on(code: str, day: date) -> Product:
    """Return the version of a product in force on a day.

    Units:   local date.
    Raises:  BadInput `product.unknown`, `product.not_in_force`.
    Source:  JS-15, C1.
    """
    versions = [product for product in catalogue() if product.code == code]
    if not versions:
        raise BadInput("product.unknown", "产品目录中没有此产品", code[:40])
    for product in versions:
        if product.in_force(day):
            return product
    raise BadInput("product.not_in_force", "该产品在申请日未生效", day.isoformat())

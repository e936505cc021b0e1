"""Find enterprises as people type, count them by facets, and keep the names' spellings."""

from collections.abc import Iterator
from typing import Any, Final

from services.registry.domain.spelling import spelled, words_of
from services.registry.store import search as store
from services.registry.store.search import Facets, Found, Search
from shared.kernel.industry import industries, industry
from shared.platform.database import Transaction
from shared.platform.jobs import Work

SPELLED_AT_ONCE: Final = 5_000


def read_search(typed: str | None, industry_code: str | None, **others: Any) -> Search:
    """Put a search together from what a caller gave.

    Raises: BadInput `industry.unknown`.
    """
    codes = tuple(divisions(industry_code)) if industry_code else None
    return Search(words=tuple(words_of(typed or "")), industries=codes, **others)


def divisions(code: str) -> Iterator[str]:
    """The codes an industry stands for: a section for its divisions too.

    Raises: BadInput `industry.unknown`.
    """
    asked = industry(code.upper())
    yield asked.code
    if asked.is_section:
        yield from (each.code for each in industries() if each.section == asked.code)


async def search(tx: Transaction, wanted: Search, after: str | None, limit: int) -> list[Found]:
    """Enterprises the caller may see, by credit code; one more than asked for, if there are."""
    return await store.find(tx, wanted, after=after, limit=limit)


async def count_facets(tx: Transaction, wanted: Search) -> Facets:
    """The same enterprises counted."""
    return await store.facets(tx, wanted)


async def spell_names(work: Work) -> dict[str, Any]:
    """Spell every name that is new or changed, in steps that can be repeated."""
    done = 0
    while True:
        async with work.transaction() as tx:
            rows = await store.unspelled(tx, SPELLED_AT_ONCE)
            if not rows:
                return {"spelled": done}
            await store.put_spelled(
                tx, [(id_, name, spelled(name, former)) for id_, name, former in rows]
            )
        done += len(rows)
        await work.progress(0.5, f"已整理 {done} 个名称")

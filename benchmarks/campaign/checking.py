"""The platform's figures beside those counted from input and actions alone."""

import asyncio
from datetime import date, timedelta

from benchmarks.campaign import recount
from benchmarks.campaign.api import NotThere
from benchmarks.campaign.waiting import figures
from benchmarks.campaign.world import CORRECTED_ON, World

#: level or axis → the question's parameters.
AXES: dict[str, dict[str, str]] = {
    "city": {"by": "region", "level": "city"},
    "county": {"by": "region", "level": "county"},
    "bank": {"by": "institution"},
}
BEFORE_CORRECTIONS = CORRECTED_ON - timedelta(days=1)
SHOWN = 10


async def check(world: World) -> None:
    """Compare every cell of every quarter, now and as known before the corrections.

    Raises: NotThere, where one differs.
    """
    with world.steps.step("独立重算核对 recount") as step:
        world.journal.flush()
        campaign = await asyncio.to_thread(recount.load, world.options.folder)
        cut_offs: tuple[date | None, ...] = (None, BEFORE_CORRECTIONS)
        step.of(len(recount.QUARTERS) * len(cut_offs))
        cells, wrong = 0, list[str]()
        for quarter in recount.QUARTERS:
            for known_on in cut_offs:
                counted = await asyncio.to_thread(
                    recount.count, campaign, quarter, known_on or recount.FOREVER
                )
                for axis, asked in AXES.items():
                    answer = await figures(world, quarter=quarter, known_on=known_on, **asked)
                    found = recount.differences(answer, counted, axis)
                    wrong += [f"{quarter} known_on={known_on} {each}" for each in found]
                cells += len(counted) * len(recount.METRICS)
                step.done()
        if wrong:
            raise NotThere(f"{len(wrong)} 处与重算不符 cells differ:\n" + "\n".join(wrong[:SHOWN]))
        step.note(f"{cells:,} 个数全部一致 cells, all equal(含 known_on={BEFORE_CORRECTIONS})")

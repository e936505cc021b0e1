"""A whole campaign run once per transport, and everything its figures say, as bytes."""

import asyncio
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.campaign import recount
from benchmarks.campaign.api import Api
from benchmarks.campaign.checking import AXES, BEFORE_CORRECTIONS
from benchmarks.campaign.drive import run_campaign
from benchmarks.campaign.world import Options as Campaign
from benchmarks.campaign.world import World
from services.embedded import ROOT, Embedded, Options, Transport
from tests.access import cutting, isolation
from tests.access.cutting import Cut
from tests.access.isolation import Isolation

SEED = 11
#: quarter, axis, known_on → the answer of /figures without the instant of its newest fact.
Asked = tuple[str, str, str]
Figures = dict[Asked, bytes]
_KNOWN_AT = re.compile(rb'"known_at":("[^"]*"|null),')


@dataclass(frozen=True)
class Kept:
    """What stays of a campaign when its platform has ended."""

    folder: Path
    figures: Figures
    rebuilt: Figures
    rebuild_said: str
    isolation: Isolation | None
    cut: Cut


def run_and_keep(home: Path, transport: Transport) -> Kept:
    """Run the tiny campaign, read all figures, rebuild reporting, read them again."""
    options = Options(home=home, transport=transport, simulation=True)
    with Embedded(options) as platform:
        campaign = Campaign(size="tiny", seed=SEED, home=home)
        with (home / "campaign.log").open("w") as log:
            console = Console(file=log, width=150)
            world = asyncio.run(
                run_campaign(campaign, platform.url, platform.admin_password, console)
            )
        before = asyncio.run(_read_all(platform.url, world))
        said = _rebuild(platform)
        after = asyncio.run(_read_all(platform.url, world))
        # What is tried on the finished campaign: who may see what, and how fast a right ends.
        on_log = transport == "log"
        proved = asyncio.run(isolation.prove(platform, world, home)) if on_log else None
        cut = asyncio.run(cutting.measure(platform, world))
        return Kept(campaign.folder, before, after, said, proved, cut)


async def _read_all(url: str, world: World) -> Figures:
    cut_offs = ("", BEFORE_CORRECTIONS.isoformat())
    found: Figures = {}
    async with Api(url) as api:
        for quarter in recount.QUARTERS:
            for axis, asked in AXES.items():
                for known_on in cut_offs:
                    params = {"campaign_id": world.campaign_id, "quarter": quarter, **asked}
                    params |= {"known_on": known_on} if known_on else {}
                    answer = await api.ask(
                        world.regulator, "GET", "/reporting/v1/figures", params=params
                    )
                    found[quarter, axis, known_on] = _KNOWN_AT.sub(b"", answer.content)
    return found


def _rebuild(platform: Embedded) -> str:
    """The operator's command, beside the running workers; it alone knows the owner's address."""
    (database,) = platform.postgres.create_service_databases("reporting")
    done = subprocess.run(
        [sys.executable, "-c", "from services.reporting.cli import app; app()", "rebuild"],
        check=False,
        env=platform.environment | {"REPORTING_OWNER_URL": database.owner_url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

"""All that is tried on a platform on which a campaign has run: foreign ids, own lists, every store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.campaign.api import Api, Caller
from benchmarks.campaign.waiting import outboxes_empty
from benchmarks.campaign.world import World
from services.embedded import Embedded
from shared.kernel import permissions
from shared.platform.settings import SERVICES
from tests.access import canaries
from tests.access.canaries import Searched
from tests.access.fuzzing import Fuzzed, fuzz
from tests.access.harvest import Harvest
from tests.access.planting import Planted, plant
from tests.access.sweeping import Sweep, Swept
from tests.access.tenants import TRIES, Walk, Walked, operations

Json = dict[str, Any]
EACH_ROLE, CONTROL_TRIES = 2, 300
#: The share of the made-up calls that every run of the tests sends; all of them: fuzzing.py.
FUZZED_SERVICES, FUZZED_EACH = ("reporting", "visits"), 40


@dataclass(frozen=True, slots=True)
class Isolation:
    """What was found; each search beside a control, in which there is something to find.

    The controls: the province's regulator, who may see all, taken for someone to whom everything
    is foreign; and a canary that was put into an address, which the gateway writes into its log.
    """

    planted: Planted
    walked: Walked
    walked_control: Walked
    swept: Swept
    swept_control: Swept
    searched: Searched
    searched_control: Searched
    fuzzed: Fuzzed


async def prove(platform: Embedded, world: World, home: Path, tries: int = TRIES) -> Isolation:
    """Plant, walk, sweep and search over a platform on which `world`'s campaign has run."""
    async with Api(platform.url) as api, httpx2.AsyncClient(base_url=platform.url) as client:
        world.api = api
        planted = await plant(api, world)
        await outboxes_empty(world)
        harvest = Harvest(planted)
        await harvest.read(platform)
        documents: dict[str, Json] = {}
        for name in SERVICES:  # the documents are for those signed in
            answer = await api.ask(world.regulator, "GET", f"/{name}/v1/openapi.json")
            documents[name] = answer.json()
        people = [harvest.who(caller) for caller in await some_of_each(api, world)]
        control = [harvest.who(world.regulator, stranger=True)]
        asked = list(operations(documents))
        # First what is there; the walk files applications under campaigns that are none, since credit
        # knows no campaigns, and those ids would be met in the lists.
        swept = await Sweep(api, client, world, asked).run(
            [one for one in people if one.everywhere]
        )
        swept_control = await Sweep(api, client, world, asked).run(control)
        walked = await Walk(api, client, asked).run(people, tries)
        walked_control = await Walk(api, client, asked, reading=True).run(control, CONTROL_TRIES)
        searched = await canaries.search(platform, home, planted)
        await client.get(f"/api/registry/v1/{planted.word('an address')}")
        searched_control = await canaries.search(platform, home, planted)
    fuzzed = await fuzz(platform, world, home, services=FUZZED_SERVICES, each=FUZZED_EACH)
    return Isolation(
        planted, walked, walked_control, swept, swept_control, searched, searched_control, fuzzed
    )


async def some_of_each(api: Api, world: World) -> list[Caller]:
    """Some of every role, signed in."""
    everyone = [world.admin, *world.callers.values(), *world.cores.values()]
    chosen: list[Caller] = []
    for role in permissions.roles():
        chosen += [caller for caller in everyone if caller.role == role][:EACH_ROLE]
    for caller in chosen:
        await api.proof(caller)
    return chosen

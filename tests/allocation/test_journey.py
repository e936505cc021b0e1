"""From the opening to a rotation, through the public API."""

from collections import Counter
from datetime import date

from tests.allocation.world import BANKS, NANJING, SEPTEMBER, SUZHOU, WUXI, World


async def test_a_campaign_runs_from_opening_to_rotation(world: World) -> None:
    await world.populate()
    await world.open()
    campaign = await world.read(f"/campaigns/{world.campaign_id}")
    assert (campaign["state"], campaign["enrolled"]) == ("open", 60)

    await world.share_out()
    found = await world.assignments(tier=2)
    assert len(found) == 60
    assert {one["assigned_on"] for one in found} == {"2022-04-02"}
    assert Counter(one["bureau_code"] for one in await world.assignments(tier=1)) == {
        SUZHOU: 20,
        WUXI: 20,
    }
    bank = BANKS[0]
    mine = [one for one in found if one["institution_id"] == str(bank.institution_id)]
    answer = await world.name_contacts(bank, SUZHOU, mine)
    assert answer.json()["named"] == len(mine) > 0

    before = await world.holders()
    await world.stack.set_clock(SEPTEMBER)
    matched = world.enterprise_ids[SUZHOU][:5]
    await world.publish(world.loan(one, BANKS[1], date(2022, 6, 1)) for one in matched)
    await world.stack.settle()
    await world.rotate()
    after = await world.holders()
    for enterprise_id in before:
        stays = enterprise_id in {str(one) for one in matched}
        assert (before[enterprise_id] == after[enterprise_id]) is stays
    assert NANJING in {
        one["city_code"]
        for one in (
            await world.read(
                f"/plans/{(await world.read('/plans', campaign_id=world.campaign_id))['items'][0]['plan_id']}"
            )
        )["load"]
    }

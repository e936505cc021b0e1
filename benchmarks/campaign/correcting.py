"""September: what turns out later. Enterprises moved, visits that never were, money booked back."""

from datetime import date

from benchmarks.campaign.agreeing import Asked, by_two
from benchmarks.campaign.api import Json
from benchmarks.campaign.steps import Step
from benchmarks.campaign.visiting import VISITS, Planned
from benchmarks.campaign.waiting import gathered
from benchmarks.campaign.world import CORRECTED_ON, Firm, World
from shared.kernel.region import cities_of, counties_of

PROVINCE = "320000"
MOVED, VOIDED = 0.01, 0.006
#: Some moves happened before the bulletin that was printed without them.
MOVED_FROM = date(2022, 5, 20)
VOID_REASONS = ("duplicate", "wrong_enterprise", "not_visited", "photo_not_genuine")


def _at_least_one(world: World, firms: list[Firm], share: float, name: str) -> list[Firm]:
    """A share of them, drawn by name, and never none."""
    drawn = world.dice.order([firm.uscc for firm in firms], name)
    by_code = {firm.uscc: firm for firm in firms}
    return [by_code[code] for code in drawn[: max(round(len(firms) * share), 2)]]


async def move_firms(world: World) -> None:
    """Some enterprises moved to another county, half of them to another city."""
    moving = _at_least_one(world, list(world.firms.values()), MOVED, "moves")
    with world.steps.step("更正:企业迁移 enterprises that moved") as step:
        step.of(len(moving))
        moves = await gathered([_move(world, n, firm, step) for n, firm in enumerate(moving)])
        for firm, (region_code, valid_from) in zip(moving, moves, strict=True):
            world.journal.note(
                "move", enterprise_id=firm.enterprise_id, region_code=region_code, on=valid_from
            )
        step.note(f"{len(moving)} 家迁移 moved")


def _target(world: World, number: int, firm: Firm) -> str:
    """Another county: of its own city, or of another city for every second one."""
    cities = [city.code for city in cities_of(PROVINCE) if city.code != firm.city_code]
    city = world.dice.pick(cities, "city", firm.uscc) if number % 2 else firm.city_code
    counties = [c.code for c in counties_of(city) if c.code != firm.region_code]
    return world.dice.pick(counties or [firm.region_code], "county", firm.uscc)


async def _move(world: World, number: int, firm: Firm, step: Step) -> tuple[str, date]:
    path = f"/registry/v1/enterprises/{firm.enterprise_id}"
    answer = await world.api.ask(world.regulator, "GET", path)
    region_code = _target(world, number, firm)
    valid_from = world.dice.day(MOVED_FROM, CORRECTED_ON, "moved", firm.uscc)
    body: Json = {
        "region_code": region_code,
        "valid_from": valid_from.isoformat(),
        "reason": "经营地址迁移",
    }
    await world.api.patch(world.regulator, path, body, answer.headers["etag"])
    firm.region_code = region_code
    step.done()
    return region_code, valid_from


async def void_visits(world: World, visits: list[Planned]) -> None:
    """Head offices take back, with a regulator, what was never true; the record itself stays."""
    counted = [one for one in visits if one.complete]
    share = max(round(len(counted) * VOIDED), min(2, len(counted)))
    by_id = {one.visit_id: one for one in counted}
    drawn = [by_id[each] for each in world.dice.order(list(by_id), "voids")[:share]]
    with world.steps.step("更正:走访作废 visits voided") as step:
        step.of(len(drawn))
        await gathered([_void(world, one, step) for one in drawn])
        for one in drawn:
            world.tally.visits -= 1
            world.journal.note("void", visit_id=one.visit_id, enterprise_id=one.firm.enterprise_id)
        step.note(f"{len(drawn)} 次走访作废 voided")


async def _void(world: World, one: Planned, step: Step) -> None:
    bank = world.banks[one.held.institution_id]
    body = {
        "reason_code": world.dice.pick(VOID_REASONS, "void", one.visit_id),
        "reason": "内部核查发现记录不实",
    }
    asked = Asked("visit.void", one.visit_id, "作废走访记录", body)
    path = f"{VISITS}/visits/{one.visit_id}/void"
    await by_two(world, world.head_of(bank), world.second_regulator, path, asked)
    step.done()

"""May to November: managers see their list on the phone, visit, and record visits with photos."""

import base64
import hashlib
from datetime import date
from io import BytesIO

from PIL import Image, ImageDraw

from benchmarks.campaign.api import Json, NotThere
from benchmarks.campaign.steps import Step
from benchmarks.campaign.waiting import gathered, until
from benchmarks.campaign.world import Desk, Firm, Held, World
from shared.kernel.money import yuan

VISITS = "/visits/v1"
#: Some records lack a part; they are taken, and do not count (JS-10).
WITHOUT_PLACE, WITHOUT_INTERVIEWEE = 0.02, 0.01
PHOTO_SIDE = (480, 360)


class Planned:
    """A visit that will be made, and what it will find."""

    __slots__ = ("complete", "firm", "has_photo", "held", "missing", "visit_id", "visited_on")

    def __init__(self, world: World, firm: Firm, held: Held, wave: int, visited_on: date) -> None:
        dice = world.dice
        self.firm, self.held, self.visited_on = firm, held, visited_on
        self.visit_id = str(dice.id("visit", wave, firm.uscc))
        self.has_photo = dice.chance(world.options.photos, "photo", wave, firm.uscc)
        self.missing = [
            part
            for part, lacks in (
                ("photo", not self.has_photo),
                ("place", dice.chance(WITHOUT_PLACE, "place", wave, firm.uscc)),
                ("interviewee", dice.chance(WITHOUT_INTERVIEWEE, "who", wave, firm.uscc)),
            )
            if lacks
        ]
        self.complete = not self.missing


def plan_wave(
    world: World, wave: int, share: float, first: date, last: date, held: list[Firm]
) -> list[Planned]:
    """Which of these enterprises will be visited, by whom and when."""
    return [
        Planned(
            world, firm, firm.holder, wave, world.dice.day(first, last, "visited", wave, firm.uscc)
        )
        for firm in held
        if firm.holder and world.dice.chance(share, "visit", wave, firm.uscc)
    ]


async def visit_until(world: World, planned: list[Planned], last: date, title: str) -> None:
    """Record the visits made up to `last`, manager by manager; the others stay in `planned`."""
    due = [one for one in planned if one.visited_on <= last]
    planned[:] = [one for one in planned if one.visited_on > last]
    by_manager: dict[str, list[Planned]] = {}
    for one in due:
        by_manager.setdefault(one.held.desk.manager.username, []).append(one)
    with world.steps.step(title) as step:
        step.of(len(due))
        await gathered([_work(world, visits, step) for visits in by_manager.values()])
        for one in due:
            _note(world, one)
        photos = sum(one.has_photo for one in due)
        counted = sum(one.complete for one in due)
        step.note(
            f"{len(due):,} 次走访,{photos:,} 次有照片,{counted:,} 次完整有效;{len(by_manager)} 名"
            f"客户经理登录 {len(due):,} visits, {photos:,} with photos, {counted:,} count"
        )


async def _work(world: World, visits: list[Planned], step: Step) -> None:
    """One manager's visits, some at a time."""
    desk = visits[0].held.desk
    await _list_is_there(world, desk, {one.firm.enterprise_id for one in visits})
    await gathered([_visit(world, one, step) for one in visits])


async def _list_is_there(world: World, desk: Desk, wanted: set[str]) -> None:
    """The phone page's list, read until all enterprises named to this manager are on it."""
    manager = world.manager_of(desk)

    async def ask() -> str:
        path, campaign_id = f"{VISITS}/tasks", world.campaign_id
        found = {
            item["enterprise_id"]
            async for item in world.api.pages(manager, path, campaign_id=campaign_id)
        }
        missing = wanted - found
        return f"{len(missing)} 家企业不在任务中 of {len(wanted)}" if missing else ""

    await until(ask, f"{manager.name} 的走访任务 tasks")


async def _visit(world: World, one: Planned, step: Step) -> None:
    manager = world.manager_of(one.held.desk)
    photo_ids: list[str] = []
    if one.has_photo:
        photo_id = str(world.dice.id("photo", one.visit_id))
        raw = photo_of(one.visit_id)
        digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
        headers = {
            "content-type": "image/jpeg",
            "content-digest": f"sha-256=:{digest}:",
            "idempotency-key": photo_id,
        }
        await world.api.ask(manager, "PUT", f"{VISITS}/photos/{photo_id}", headers, content=raw)
        photo_ids.append(photo_id)
    answer = await world.api.post(manager, f"{VISITS}/visits", _report(world, one, photo_ids))
    if answer["complete"] != one.complete:
        raise NotThere(f"走访 {one.visit_id}: 预期缺 {one.missing},平台称缺 {answer['missing']}")
    step.done()


def photo_of(name: str) -> bytes:
    """A picture that no other visit has: a wall, a door, and a sign with the visit's number."""
    shade = hashlib.sha256(name.encode()).digest()
    image = Image.new("RGB", PHOTO_SIDE, tuple(90 + value % 150 for value in shade[:3]))
    draw = ImageDraw.Draw(image)
    for at in range(0, 24, 4):
        x, y, wide, colour = shade[at : at + 4]
        box = (x, y, x + 30 + wide // 3, y + 40 + wide // 4)
        draw.rectangle(box, fill=(colour, 255 - colour, (colour * 7) % 256))
    draw.text((12, 330), f"DEMO {name}", fill=(255, 255, 255))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


def _report(world: World, one: Planned, photo_ids: list[str]) -> Json:
    firm, desk, need = one.firm, one.held.desk, one.firm.need
    place = {
        "longitude": firm.longitude,
        "latitude": firm.latitude,
        "accuracy_m": 15.0,
        "datum": "WGS-84",
    }
    return {
        "visit_id": one.visit_id,
        "campaign_id": world.campaign_id,
        "enterprise_id": firm.enterprise_id,
        "visited_on": one.visited_on.isoformat(),
        "started_at": f"{one.visited_on.isoformat()}T10:30:00+08:00",
        "staff_ids": [desk.head.staff_id, desk.manager.staff_id],
        "interviewee": None
        if "interviewee" in one.missing
        else {"role": "legal_representative", "name": f"样例法人{firm.uscc[-6:]}"},
        "place": None if "place" in one.missing else place,
        "photo_ids": photo_ids,
        "told_campaign": True,
        "told_qr": True,
        "need": {
            "amount": yuan(need.amount_fen),
            "purpose": need.purpose,
            "term_months": need.term_months,
        }
        if need
        else None,
        "note": None,
    }


def _note(world: World, one: Planned) -> None:
    world.tally.visits += one.complete
    need = one.firm.need
    world.journal.note(
        "visit",
        visit_id=one.visit_id,
        enterprise_id=one.firm.enterprise_id,
        institution_id=one.held.institution_id,
        outlet_id=one.held.desk.head.outlet_id,
        on=one.visited_on,
        complete=one.complete,
        need_fen=need.amount_fen if need else None,
    )

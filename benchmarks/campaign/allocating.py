"""April and September: the campaign opens, plans are solved and published, contacts are named."""

from datetime import date
from itertools import count
from math import cos, hypot, radians

from benchmarks.campaign.api import Failed, Json, NotThere
from benchmarks.campaign.steps import Step
from benchmarks.campaign.waiting import gathered, job_done, until
from benchmarks.campaign.world import OPENS_ON, ROTATED_ON, VINTAGE, Bank, Desk, Firm, Held, World

ALLOCATION = "/allocation/v1"
PROFILE = "jiangsu-2022"
NAME = "江苏省科技型中小企业金融服务对接活动(2022年)"
BATCH = 500
LIST_ON_ITS_WAY = ("campaign.list_unknown", "campaign.list_incomplete")


async def open_campaign(world: World) -> None:
    """Open the campaign on the pinned list, and see every enterprise enrolled."""
    with world.steps.step("启动活动 open the campaign") as step:
        opened = await _open_when_list_is_there(world)
        world.campaign_id = opened["campaign_id"]
        path = f"{ALLOCATION}/jobs/{opened['job_id']}"
        await job_done(world, world.regulator, path, step.at)
        step.note(f"活动 campaign {world.campaign_id}")
    world.journal.note("campaign", campaign_id=world.campaign_id, on=OPENS_ON)


async def _open_when_list_is_there(world: World) -> Json:
    """Ask until allocation has learnt the whole list: it says itself how much is missing."""
    body = {
        "profile": PROFILE,
        "name": NAME,
        "list_vintage": VINTAGE,
        "opens_on": OPENS_ON.isoformat(),
    }
    opened: Json = {}
    turns = count()

    async def ask() -> str:
        try:
            answer = await world.api.post(
                world.regulator, f"{ALLOCATION}/campaigns", body, turn=next(turns)
            )
        except Failed as error:
            if error.problem.get("code") not in LIST_ON_ITS_WAY:
                raise
            return str(error.problem.get("detail"))
        opened.update(answer)
        return ""

    await until(ask, "名单同步 list in allocation", bound=300)
    return opened


async def plan(world: World, tier: int) -> None:
    """Solve a tier, look at the load, have it checked by a second person, publish."""
    with world.steps.step(f"第 {tier} 级分配 tier {tier}") as step:
        path = f"{ALLOCATION}/campaigns/{world.campaign_id}/plans"
        solved = await _solve(world, path, {"tier": tier, "seed": world.options.seed}, 0, step)
        _look(solved, step)
        await _publish(world, solved["plan_id"])


async def rotate(world: World, matched: int) -> None:
    """Who is not matched by September goes to another bank (JS-19).

    A draft that was solved before allocation had learnt of all credit is looked at, left, and
    solved again, as a regulator would who knows how many are `matched`.
    """
    with world.steps.step("9 月轮换 rotation") as step:
        path = f"{ALLOCATION}/campaigns/{world.campaign_id}/rotations"
        body = {"rotated_on": ROTATED_ON.isoformat(), "seed": world.options.seed}
        going = len(world.firms) - matched
        solved: Json = {}
        turns = count()

        async def ask() -> str:
            solved.update(await _solve(world, path, body, next(turns), step))
            found = sum(solved[name] or 0 for name in ("assigned", "unassigned", "exhausted"))
            return "" if found == going else f"轮换 {found} 家,应为 {going} 家"

        await until(ask, "轮换方案 rotation")
        _look(solved, step)
        await _publish(world, solved["plan_id"])


async def _solve(world: World, path: str, body: Json, turn: int, step: Step) -> Json:
    started = await world.api.post(world.regulator, path, body, turn=turn)
    place = f"{ALLOCATION}/plans/{started['plan_id']}"
    return await job_done(world, world.regulator, place, step.at)


def _look(solved: Json, step: Step) -> None:
    """The load report, in a line."""
    load = solved["load"]
    fullest = max((line["fill"] for line in load), default=0.0)
    step.note(
        f"{len(load)} 个节点 nodes,分到 assigned {solved['assigned']:,},未分到 unassigned"
        f" {solved['unassigned']:,},最满 fullest {fullest:.0%},Gini {solved['gini']}"
    )
    if solved["shortages"]:
        short = sum(line["short"] for line in solved["shortages"])
        step.note(f"能力不足 {short} 家 no bank has room for these")


async def _publish(world: World, plan_id: str) -> None:
    path = f"{ALLOCATION}/plans/{plan_id}"
    await world.api.post(world.callers["regulator-2"], f"{path}/check", {})
    await world.api.post(world.regulator, f"{path}/publication", {})
    await job_done(world, world.regulator, path, ended=("published",))


async def read_holders(world: World, on: date, title: str) -> list[Firm]:
    """Each bank reads who it has; what changed is written down. Returns those newly held."""
    with world.steps.step(title) as step:
        step.of(len(world.firms))
        banks = sorted(world.banks.values(), key=lambda each: each.code)
        lists = await gathered([_read_bank(world, bank, step) for bank in banks])
        held = {item["enterprise_id"]: item for items in lists for item in items}
        changed: list[Firm] = []
        for firm in world.firms.values():
            if _take_holder(world, firm, held.get(firm.enterprise_id), on):
                changed.append(firm)
        step.note(f"{len(held):,} 家有承办机构 held,{len(changed):,} 家新分到 new")
        return changed


async def _read_bank(world: World, bank: Bank, step: Step) -> list[Json]:
    items: list[Json] = []
    path = f"{ALLOCATION}/assignments"
    asked = {"campaign_id": world.campaign_id, "tier": 2}
    async for item in world.api.pages(world.head_of(bank), path, **asked):
        items.append(item)
        step.done()
    return items


def _take_holder(world: World, firm: Firm, item: Json | None, on: date) -> bool:
    """Note a changed holder; True where there is a new one."""
    before = firm.holder
    if item and before and before.assignment_id == item["assignment_id"]:
        return False
    if before:
        world.journal.note(
            "unassigned",
            enterprise_id=firm.enterprise_id,
            assignment_id=before.assignment_id,
            on=on,
        )
    firm.holder = None
    if item is None:
        return False
    bank = world.banks[item["institution_id"]]
    firm.holder = Held(
        assignment_id=item["assignment_id"],
        institution_id=bank.institution_id,
        desk=_nearest(bank, firm),
    )
    world.journal.note(
        "assigned",
        enterprise_id=firm.enterprise_id,
        assignment_id=item["assignment_id"],
        institution_id=bank.institution_id,
        on=on,
    )
    return True


def _nearest(bank: Bank, firm: Firm) -> Desk:
    desks = bank.desks.get(firm.city_code) or bank.all_desks()
    if not desks:
        raise NotThere(f"{bank.code} 没有可走访的网点 has no desk")
    narrow = cos(radians(firm.latitude))
    return min(
        desks,
        key=lambda desk: (
            hypot((desk.longitude - firm.longitude) * narrow, desk.latitude - firm.latitude),
            desk.manager.username,
        ),
    )


async def name_contacts(world: World, firms: list[Firm], title: str) -> None:
    """Head offices name the branch and the person for each of their enterprises (JS-08)."""
    by_bank: dict[str, list[Firm]] = {}
    for firm in firms:
        if firm.holder:
            by_bank.setdefault(firm.holder.institution_id, []).append(firm)
    with world.steps.step(title) as step:
        step.of(len(firms))
        await gathered([_name(world, bank, own, step) for bank, own in by_bank.items()])
        for firm in firms:
            if firm.holder:
                world.journal.note(
                    "contact",
                    enterprise_id=firm.enterprise_id,
                    assignment_id=firm.holder.assignment_id,
                    on=world.journal.day,
                )


async def _name(world: World, institution_id: str, firms: list[Firm], step: Step) -> None:
    head = world.head_of(world.banks[institution_id])
    for start in range(0, len(firms), BATCH):
        rows = [
            {
                "assignment_id": firm.holder.assignment_id,
                "outlet_id": firm.holder.desk.outlet_id,
                "staff_id": firm.holder.desk.manager.staff_id,
            }
            for firm in firms[start : start + BATCH]
            if firm.holder
        ]
        await _name_rows(world, head.name, rows)
        step.done(len(rows))


async def _name_rows(world: World, head: str, rows: list[Json]) -> None:
    answer = await world.api.post(
        world.callers[head], f"{ALLOCATION}/contacts:batch", {"rows": rows}
    )
    wrong = [row for row in answer.get("items", answer.get("rows", [])) if row.get("errors")]
    if wrong:
        raise NotThere(f"{head}: {len(wrong)} 行未落实,首行 {wrong[0]}")


async def contacts_complete(world: World) -> None:
    """The regulator's list of institutions with missing contacts is empty (JS-08)."""
    path = f"{ALLOCATION}/contacts/missing"
    answer = await world.api.get(world.regulator, path, campaign_id=world.campaign_id)
    if answer["items"]:
        raise NotThere(f"缺联系人 contacts missing: {answer['items'][:3]}")

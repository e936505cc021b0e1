"""What the regulator reads back from the registry: who there is, and who sits at which desk."""

from pathlib import Path

from benchmarks.campaign.api import Json, NotThere
from benchmarks.campaign.inputs import (
    Truth,
    made_up_lenders,
    made_up_need,
    write_csv,
    write_sheet,
)
from benchmarks.campaign.world import Bank, Desk, Firm, Person, World
from shared.kernel.region import region

REGISTRY = "/registry/v1"
PROVINCE = "32"
MICRO = 1_000_000
ROLES = {"branch_head": "支行行长", "relationship_manager": "客户经理"}


async def _all(world: World, path: str) -> list[Json]:
    return [item async for item in world.api.pages(world.regulator, f"{REGISTRY}/{path}")]


async def read_banks(world: World) -> None:
    """Institutions, their outlets in the province, and the desks that will take enterprises."""
    with world.steps.step("读取机构与人员 banks and people") as step:
        for item in await _all(world, "institutions"):
            bank = Bank(
                institution_id=item["institution_id"],
                code=item["institution_code"],
                name=item["name"],
            )
            world.banks[bank.institution_id] = bank
        outlets = {
            item["outlet_id"]: item
            for item in await _all(world, "outlets")
            if item["region_code"].startswith(PROVINCE)
        }
        for item in sorted(outlets.values(), key=lambda each: each["outlet_code"]):
            place = (item["outlet_id"], city_of(item["region_code"]))
            world.banks[item["institution_id"]].outlets.append(place)
        _seat(world, outlets, await _all(world, "staff"))
        world.banks = {key: bank for key, bank in world.banks.items() if bank.desks}
        desks = sum(len(bank.all_desks()) for bank in world.banks.values())
        step.note(f"{len(world.banks)} 家机构,{len(outlets)} 个网点,{desks} 个走访工位 desks")


def city_of(region_code: str) -> str:
    """The city of a county."""
    return region_code[:4] + "00"


def _seat(world: World, outlets: dict[str, Json], staff: list[Json]) -> None:
    """Choose the desks of each bank in each city: outlets with a head and a manager."""
    people: dict[str, dict[str, Person]] = {}
    for item in sorted(staff, key=lambda each: each["staff_code"]):
        role = item.get("role") or item["position"]
        seats = people.setdefault(item["outlet_id"], {})
        if role not in seats:
            seats[role] = Person(
                staff_id=item["staff_id"],
                username=f"{'br' if role == 'branch_head' else 'rm'}-{item['staff_code']}",
                role=role,
                outlet_id=item["outlet_id"],
                institution_id=item["institution_id"],
            )
    chosen: dict[tuple[str, str], list[str]] = {}
    for outlet_id, seats in people.items():
        if outlet_id in outlets and len(seats) == len(ROLES):
            outlet = outlets[outlet_id]
            place = (outlet["institution_id"], city_of(outlet["region_code"]))
            chosen.setdefault(place, []).append(outlet_id)
    for (institution_id, city), ids in sorted(chosen.items()):
        drawn = world.dice.order(ids, "desks")[: world.options.shares.desks_per_city]
        world.banks[institution_id].desks[city] = [
            _desk(outlets[outlet_id], people[outlet_id]) for outlet_id in drawn
        ]


def _desk(outlet: Json, seats: dict[str, Person]) -> Desk:
    longitude, latitude = point_of(outlet)
    return Desk(
        outlet_id=outlet["outlet_id"],
        institution_id=outlet["institution_id"],
        city_code=city_of(outlet["region_code"]),
        longitude=longitude,
        latitude=latitude,
        head=seats["branch_head"],
        manager=seats["relationship_manager"],
    )


def point_of(item: Json) -> tuple[float, float]:
    """The place of an outlet or enterprise in degrees; its county's where none is told."""
    if item.get("longitude") is not None:
        return float(item["longitude"]), float(item["latitude"])
    if item.get("longitude_e6") is not None:
        return item["longitude_e6"] / MICRO, item["latitude_e6"] / MICRO
    here = region(item["region_code"])
    return here.lon, here.lat


async def read_firms(world: World, truth: Truth | None) -> None:
    """The enterprises as taken in, with what is true of them or, for a user's list, made up."""
    with world.steps.step("读取名单 read the list") as step:
        step.of(world.tally.listed)
        near: dict[str, list[str]] = {}
        for bank in sorted(world.banks.values(), key=lambda each: each.code):
            for city in bank.desks:
                near.setdefault(city, []).append(bank.code)
        async for item in world.api.pages(world.regulator, f"{REGISTRY}/enterprises"):
            firm = _firm(world, item, truth, near)
            world.firms[firm.enterprise_id] = firm
            step.done()
        if len(world.firms) != world.tally.listed:
            raise NotThere(f"名单 {world.tally.listed} 家,读到 {len(world.firms)} 家")
        if truth is None:
            rows = ((firm.uscc, firm.region_code) for firm in world.firms.values())
            write_csv(world.options.folder / "inputs" / "taken.csv", ("uscc", "region_code"), rows)


def _firm(world: World, item: Json, truth: Truth | None, near: dict[str, list[str]]) -> Firm:
    uscc, region_code = item["uscc"], item["region_code"]
    if truth is None:
        need = made_up_need(world.dice, uscc)
        lenders = made_up_lenders(world.dice, uscc, near.get(city_of(region_code), []))
        longitude, latitude = point_of(item)
    else:
        need, lenders, longitude, latitude = truth[uscc]
    return Firm(
        enterprise_id=item["enterprise_id"],
        uscc=uscc,
        region_code=region_code,
        longitude=longitude,
        latitude=latitude,
        need=need,
        lenders=lenders,
    )


async def make_up_desks(world: World, folder: Path) -> tuple[Path, Path]:
    """For a user's outlets: managers and capacity for some of them, and a roster without names."""
    outlets = [
        item for item in await _all(world, "outlets") if item["region_code"].startswith(PROVINCE)
    ]
    codes = {i["institution_id"]: i["institution_code"] for i in await _all(world, "institutions")}
    staffed: list[dict[str, str]] = []
    people: list[dict[str, str]] = []
    seen: set[tuple[str, str]] = set()
    for item in sorted(outlets, key=lambda each: each["outlet_code"]):
        place = (item["institution_id"], city_of(item["region_code"]))
        code = item["outlet_code"]
        if place in seen and not world.dice.chance(0.4, "staffed", code):
            continue
        seen.add(place)
        managers = 1 + world.dice.below(4, "managers", code)
        staffed.append(_outlet_row(item, codes[item["institution_id"]], managers))
        people += _people_rows(item, codes[item["institution_id"]], managers)
    return (
        _written(folder / "outlets-supplement.xlsx", "网点补充(编造)", staffed),
        _written(folder / "staff.xlsx", "走访人员花名册(编造)", people),
    )


def _written(path: Path, title: str, rows: list[dict[str, str]]) -> Path:
    write_sheet(path, title, rows)
    return path


def _outlet_row(item: Json, institution_code: str, managers: int) -> dict[str, str]:
    return {
        "网点编码": item["outlet_code"],
        "网点名称": item["name"],
        "所属机构编码": institution_code,
        "行政区划代码": item["region_code"],
        "地址": item["address"],
        "客户经理人数": str(managers),
        "服务能力(户)": "",
    }


def _people_rows(item: Json, institution_code: str, managers: int) -> list[dict[str, str]]:
    roles = ["branch_head", *["relationship_manager"] * managers]
    return [
        {
            "工号": f"{item['outlet_code']}-{number:02d}",
            "姓名": f"样例人员{item['outlet_code'][-6:]}{number:02d}",
            "所属机构编码": institution_code,
            "所属网点编码": item["outlet_code"],
            "岗位": ROLES[role],
            "到岗日期": "2021-01-04",
            "离岗日期": "",
        }
        for number, role in enumerate(roles)
    ]

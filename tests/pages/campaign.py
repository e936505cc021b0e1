"""A small campaign for the pages, made over the HTTP API: until a summer's day, and no further."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from rich.console import Console

from benchmarks.campaign import accounts, allocating, bulletins
from benchmarks.campaign.api import Api, Caller, Json
from benchmarks.campaign.banking import Banking
from benchmarks.campaign.dice import Dice
from benchmarks.campaign.importing import take_file
from benchmarks.campaign.inputs import make_province, truth_of
from benchmarks.campaign.journal import Journal
from benchmarks.campaign.steps import Memory, Steps
from benchmarks.campaign.survey import read_banks, read_firms
from benchmarks.campaign.visiting import plan_wave, visit_until
from benchmarks.campaign.waiting import figures_settled, move_clock
from benchmarks.campaign.world import (
    NAMED_ON,
    OPENS_ON,
    PLANNED_ON,
    SHARES,
    VISITS_FROM,
    Bank,
    Desk,
    Firm,
    Options,
    Person,
    World,
)
from benchmarks.province.generate import SIZES

SIZE = "pages"
SPRING_ENDS = date(2022, 6, 30)
BULLETIN_ON = date(2022, 7, 5)
#: The day on which the tests sign in, inside the visit window.
TODAY = date(2022, 7, 20)
BUREAU_CITY = "320500"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much there is, and how many desks have visited before the phone under test does."""

    cities: tuple[str, ...]
    enterprises: int
    outlets: int
    institutions: tuple[int, ...]
    on_phone: int
    desks: int
    visits_per_desk: int


#: Enough to count in; made in some seconds.
SMALL = Scale(
    cities=("320200", "320400", "320500"),
    enterprises=80,
    outlets=28,
    institutions=(2, 0, 0, 1, 0, 1, 0, 0, 0),
    on_phone=26,
    desks=1,
    visits_per_desk=4,
)
#: All cities and kinds of banks, for pictures that show what a province looks like.
FULL = Scale(
    cities=SIZES["small"].cities,
    enterprises=900,
    outlets=150,
    institutions=(4, 1, 1, 2, 2, 4, 1, 1, 0),
    on_phone=18,
    desks=60,
    visits_per_desk=20,
)


@dataclass(frozen=True, kw_only=True)
class Made:
    """What the tests need to know of the campaign: who may sign in, and what is where.

    The bank of `slow_head` has named nobody for some of its enterprises.
    """

    home: Path
    url: str
    campaign_id: str
    admin: Caller
    regulator: Caller
    head: Caller
    slow_head: Caller
    visiting_bank: str
    visiting_bank_id: str
    manager: Person
    activation_code: str


async def make(home: Path, url: str, admin_password: str, scale: Scale = SMALL) -> Made:
    """From the list to the summer: everything before the first visit of the phone under test."""
    SIZES[SIZE] = replace(
        SIZES["small"],
        cities=scale.cities,
        enterprises=scale.enterprises,
        outlets=scale.outlets,
        institutions=scale.institutions,
    )
    SHARES[SIZE] = replace(SHARES["tiny"], desks_per_city=1)
    options = Options(size=SIZE, seed=5, home=home)
    memory = Memory(home)
    with (home / "campaign.log").open("w") as log, Journal(home / "actions.ndjson") as journal:
        try:
            async with Api(url) as api:
                world = World(
                    options=options,
                    api=api,
                    steps=Steps(Console(file=log, width=150), memory, api),
                    journal=journal,
                    dice=Dice(options.seed),
                    admin=Caller("admin", "platform_admin", admin_password),
                )
                return await _until_summer(world, scale)
        finally:
            memory.stop()


async def _until_summer(world: World, scale: Scale) -> Made:
    await move_clock(world, OPENS_ON)
    await accounts.open_regulators(world)
    await _take_files(world)
    banks = sorted(world.banks.values(), key=lambda bank: bank.code)
    await _open_offices(world, banks)
    await allocating.open_campaign(world)
    banking = Banking(world)
    banking.early_loans()
    banking.own_accord(VISITS_FROM, SPRING_ENDS, 0.6, "Z1")
    await banking.push_until(OPENS_ON, "loans from before")
    await move_clock(world, PLANNED_ON)
    await allocating.plan(world, 1)
    await allocating.plan(world, 2)
    held = await allocating.read_holders(world, PLANNED_ON, "assignments")
    desk = _desk_under_test(world, scale.on_phone)
    await move_clock(world, NAMED_ON)
    slow = _left_without_contact(held, but=desk.institution_id)
    await allocating.name_contacts(world, [each for each in held if each not in slow], "contacts")
    world.tally.without_contact = len(slow)
    await _spring(world, banking, desk, scale)
    await move_clock(world, BULLETIN_ON)
    await bulletins.publish(world, "2022Q2")
    await move_clock(world, TODAY)
    bank = world.banks[desk.institution_id]
    return Made(
        home=world.options.home,
        url=world.api.url,
        campaign_id=world.campaign_id,
        admin=world.admin,
        regulator=world.regulator,
        head=world.head_of(bank),
        slow_head=world.head_of(world.banks[_holder_of(slow[0])]),
        visiting_bank=bank.name,
        visiting_bank_id=bank.institution_id,
        manager=desk.manager,
        activation_code=await _activation_code(world, desk),
    )


async def _take_files(world: World) -> None:
    folder = world.options.folder / "inputs"
    folder.mkdir(parents=True)
    province = make_province(SIZE, world.options.seed, folder)
    for kind in ("institutions", "outlets", "staff"):
        await take_file(world, kind, folder / f"{kind}.xlsx")
    done = await take_file(world, "enterprises", folder / "enterprises.xlsx")
    world.tally.listed = done["counts"]["taken"]
    await read_banks(world)
    await read_firms(world, truth_of(province))


async def _open_offices(world: World, banks: list[Bank]) -> None:
    """Only who is needed has an account: hashing a password takes its time, as it should."""
    rows: list[Json] = [
        {
            "username": f"head-{bank.code}",
            "role": "bank_head",
            "institution_id": bank.institution_id,
        }
        for bank in banks
    ]
    rows.append({"username": "bureau", "role": "bureau", "region_code": BUREAU_CITY})
    await accounts.open_accounts(world, rows)
    for bank in banks:
        await accounts._open_core(world, bank)


def _holder_of(firm: Firm) -> str:
    assert firm.holder
    return firm.holder.institution_id


def _left_without_contact(held: list[Firm], *, but: str, most: int = 3) -> list[Firm]:
    """Some enterprises of a bank that is not the one under test."""
    others = sorted({_holder_of(each) for each in held} - {but})
    return [each for each in held if _holder_of(each) == others[0]][:most]


def _desk_under_test(world: World, most: int) -> Desk:
    """One desk of the bank that holds most gets so many of its enterprises: the phone under test."""
    by_bank: dict[str, list[Firm]] = {}
    for firm in world.firms.values():
        if firm.holder:
            by_bank.setdefault(firm.holder.institution_id, []).append(firm)
    busiest = max(sorted(by_bank), key=lambda key: len(by_bank[key]))
    desk, *others = world.banks[busiest].all_desks()
    elsewhere = others[0] if others else desk
    near = sorted(by_bank[busiest], key=lambda firm: (firm.city_code != desk.city_code, firm.uscc))
    for firm in near:
        if firm.holder and (firm in near[:most] or firm.holder.desk == desk):
            firm.holder.desk = desk if firm in near[:most] else elsewhere
    return desk


async def _spring(world: World, banking: Banking, tested: Desk, scale: Scale) -> None:
    """Others have visited, and all banks have lent: the board is not empty."""
    by_desk: dict[str, list[Firm]] = {}
    desks: dict[str, Desk] = {}
    for firm in world.firms.values():
        if firm.holder and firm.holder.desk != tested:
            by_desk.setdefault(firm.holder.desk.outlet_id, []).append(firm)
            desks[firm.holder.desk.outlet_id] = firm.holder.desk
    chosen = sorted(by_desk, key=lambda key: (-len(by_desk[key]), key))[: scale.desks]
    await accounts.open_accounts(world, [_manager_row(desks[key]) for key in chosen])
    visited = [firm for key in chosen for firm in by_desk[key][: scale.visits_per_desk]]
    visits = plan_wave(world, 1, 0.9, VISITS_FROM, SPRING_ENDS, visited)
    await move_clock(world, SPRING_ENDS)
    await visit_until(world, list(visits), SPRING_ENDS, "visits")
    await banking.push_until(SPRING_ENDS, "bank cores")
    await figures_settled(world, "2022Q2")


def _manager_row(desk: Desk) -> Json:
    return {
        "username": desk.manager.username,
        "role": desk.manager.role,
        "institution_id": desk.institution_id,
        "outlet_id": desk.outlet_id,
        "staff_id": desk.manager.staff_id,
    }


async def _activation_code(world: World, desk: Desk) -> str:
    path = f"{accounts.IDENTITY}/accounts:batch"
    answer = await world.api.post(world.admin, path, {"rows": [_manager_row(desk)]})
    return str(answer["items"][0]["activation_code"])

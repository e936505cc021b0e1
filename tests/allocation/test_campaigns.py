"""Opening a campaign and enrolling its list."""

from collections import Counter
from datetime import date

import pytest

from services.allocation.usecases import campaigns as opening
from services.allocation.usecases.profiles import shipped
from shared.kernel.ids import derived_id
from tests.allocation.world import BANKS, SUZHOU, VINTAGE, WUXI, World

BODY = {
    "profile": "jiangsu-2022",
    "name": "对接活动",
    "list_vintage": VINTAGE,
    "opens_on": "2022-04-01",
}


async def test_JS_08_JS_11_JS_19_a_campaign_takes_its_calendar_from_the_profile(
    world: World,
) -> None:
    await world.populate(per_city=2)
    await world.open()
    (campaign,) = (await world.read("/campaigns"))["items"]
    assert {
        name: campaign[name] for name in campaign if name.endswith(("_on", "from", "until"))
    } == {
        "opens_on": "2022-04-01",
        "contacts_due_on": "2022-04-30",
        "visits_from": "2022-05-01",
        "visits_until": "2022-08-31",
        "rotation_on": "2022-09-05",
        "closed_on": None,
    }
    assert (campaign["profile"], campaign["list_vintage"]) == ("jiangsu-2022", VINTAGE)
    ((_, opened),) = await world.emitted("CampaignOpened")
    assert opened["contacts_due_on"] == "2022-04-30"


async def test_JS_04_every_enterprise_of_the_list_is_enrolled_once_with_its_county(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CHUNK", 7)
    await world.populate()
    await world.open()
    events = [data for _, data in await world.emitted("EnterpriseEnrolled")]
    assert Counter(one["enterprise_id"] for one in events) == Counter(map(str, world.everybody))
    assert Counter(one["region_code"][:4] + "00" for one in events) == dict.fromkeys(
        world.enterprise_ids, 20
    )
    assert {one["opens_on"] for one in events} == {"2022-04-01"}


async def test_JS_01_an_enterprise_of_another_province_takes_no_part(world: World) -> None:
    await world.populate(per_city=2)
    abroad = derived_id("enterprise", "abroad")
    await world.publish([world.listed(abroad, SUZHOU, region_code="220102")])
    await world.stack.settle()
    await world.open()
    assert (await world.read(f"/campaigns/{world.campaign_id}"))["enrolled"] == 6


async def test_JS_06_who_moved_before_the_opening_is_enrolled_where_it_is(world: World) -> None:
    await world.populate(per_city=2)
    mover, later = world.enterprise_ids[SUZHOU]
    await world.publish(
        [world.moved(mover, WUXI, date(2022, 2, 1)), world.moved(later, WUXI, date(2022, 4, 2))]
    )
    await world.stack.settle()
    await world.open()
    found = {
        data["enterprise_id"]: data["region_code"]
        for _, data in await world.emitted("EnterpriseEnrolled")
    }
    assert (found[str(mover)], found[str(later)]) == ("320205", "320505")


async def test_an_enrolment_that_was_cut_off_goes_on_without_doubling_an_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CHUNK", 7)
    await world.populate()
    chunks, real = 0, opening._enrol_chunk

    async def cut_off(work, campaign):
        nonlocal chunks
        chunks += 1
        if chunks == 4:
            raise OSError("the machine went away")
        return await real(work, campaign)

    monkeypatch.setattr(opening, "_enrol_chunk", cut_off)
    await world.open()
    assert chunks > 4
    campaign = await world.read(f"/campaigns/{world.campaign_id}")
    assert (campaign["state"], campaign["enrolled"]) == ("open", 60)
    events = await world.emitted("EnterpriseEnrolled")
    assert len(events) == len({data["enterprise_id"] for _, data in events}) == 60


async def test_a_campaign_waits_for_the_whole_list(world: World) -> None:
    await world.populate(per_city=2)
    later = {**BODY, "list_vintage": "2022-03-31"}
    answer = await world.regulator.post("/campaigns", json=later)
    assert (answer.status_code, answer.json()["code"]) == (409, "campaign.list_unknown")

    await world.publish([world.imported(2, list_vintage="2022-03-31")])
    one, two = world.enterprise_ids[SUZHOU]
    await world.publish([world.listed(one, SUZHOU, list_vintage="2022-03-31")])
    await world.stack.settle()
    answer = await world.regulator.post("/campaigns", json=later)
    assert (answer.status_code, answer.json()["code"]) == (409, "campaign.list_incomplete")
    assert "1" in answer.json()["detail"]

    await world.publish([world.listed(two, SUZHOU, list_vintage="2022-03-31")])
    await world.stack.settle()
    assert (await world.regulator.post("/campaigns", json=later)).status_code == 202


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"profile": "nowhere-1999"}, 422, "campaign.profile_unknown"),
        ({"opens_on": "2021-12-30"}, 422, "campaign.opens_on_out_of_range"),
        ({"opens_on": "2024-01-01"}, 422, "campaign.opens_on_out_of_range"),
        ({"opens_on": 19_000}, 422, None),
        ({"list_vintage": "last year"}, 422, None),
        ({"name": ""}, 422, None),
        ({"name": "a\x00b"}, 422, None),
        ({"extra": 1}, 422, None),
    ],
)
async def test_a_campaign_with_a_wrong_field_is_refused(
    world: World, change: dict[str, object], status: int, code: str | None
) -> None:
    await world.populate(per_city=1)
    answer = await world.regulator.post("/campaigns", json=BODY | change)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code
    assert await world.emitted("CampaignOpened") == []


async def test_the_same_campaign_is_opened_once(world: World) -> None:
    await world.populate(per_city=1)
    regulator = world.regulator
    first = await regulator.post("/campaigns", key="the-same-key", json=BODY)
    again = await regulator.post("/campaigns", key="the-same-key", json=BODY)
    assert first.json() == again.json()
    other = await regulator.post("/campaigns", json=BODY)
    assert (other.status_code, other.json()["code"]) == (409, "campaign.exists")
    await world.stack.settle()
    assert len(await world.emitted("CampaignOpened")) == 1


async def test_M_1_only_the_province_opens_campaigns_plans_and_rotations(world: World) -> None:
    await world.populate(per_city=1)
    await world.open()
    path = f"/campaigns/{world.campaign_id}"
    for caller in (world.bureau(SUZHOU), world.bank_head(BANKS[0])):
        asked = [
            await caller.post("/campaigns", json=BODY),
            await caller.post(f"{path}/plans", json={"tier": 1, "seed": 1}),
            await caller.post(f"{path}/rotations", json={"rotated_on": "2022-09-05", "seed": 1}),
        ]
        assert [one.status_code for one in asked] == [403, 403, 403]
        assert (await caller.get(path)).status_code == 200


async def test_M4_the_three_shipped_profiles_open_without_code(world: World) -> None:
    await world.populate(per_city=1)
    bank = {"institution_id": str(BANKS[0].institution_id)}
    for profile in shipped():
        body = BODY | {"profile": profile} | (bank if profile == "jilin-pojian" else {})
        answer = await world.regulator.post("/campaigns", json=body)
        assert answer.status_code == 202, answer.text
    await world.stack.settle()
    found = {one["profile"]: one for one in (await world.read("/campaigns"))["items"]}
    assert set(found) == {"jiangsu-2022", "jilin-pojian", "coordination-2024"}
    assert found["jilin-pojian"]["enrolled"] == 0  # the list is Jiangsu's
    assert found["jilin-pojian"]["institution_id"] == bank["institution_id"]
    path = f"/campaigns/{found['jilin-pojian']['campaign_id']}/plans"
    answer = await world.regulator.post(path, json={"tier": 3, "seed": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.tier_not_in_profile")


async def test_M4_a_campaign_of_one_bank_names_it_and_no_other_does(world: World) -> None:
    await world.populate(per_city=1)
    for profile, bank, code in (
        ("jilin-pojian", {}, "campaign.institution_wanted"),
        ("jilin-pojian", {"institution_id": str(derived_id("institution", "nobody"))},
         "campaign.institution_unknown"),
        ("jiangsu-2022", {"institution_id": str(BANKS[0].institution_id)},
         "campaign.institution_unwanted"),
    ):  # fmt: skip
        answer = await world.regulator.post("/campaigns", json=BODY | {"profile": profile} | bank)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_unknown_campaign_is_not_found(world: World) -> None:
    await world.populate(per_city=1)
    path = f"/campaigns/{derived_id('campaign', 'nothing')}"
    assert (await world.regulator.get(path)).status_code == 404
    answer = await world.regulator.post(f"{path}/plans", json={"tier": 1, "seed": 1})
    assert answer.status_code == 404


async def test_A1_an_enrolment_whose_job_is_given_up_is_begun_again_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CHUNK", 7)
    await world.populate()
    chunks, real = 0, opening._enrol_chunk

    async def breaks(work, campaign):
        nonlocal chunks
        chunks += 1
        if chunks == 4:
            raise ZeroDivisionError("a bug")
        return await real(work, campaign)

    monkeypatch.setattr(opening, "_enrol_chunk", breaks)
    await world.open()
    path = f"/campaigns/{world.campaign_id}"
    assert ((await world.read(path))["state"], chunks) == ("enrolling", 4)
    again = await world.regulator.post(f"{path}/enrolments")
    assert again.status_code == 202, again.text
    busy = await world.regulator.post(f"{path}/enrolments")
    assert busy.json()["code"] == "campaign.enrolling"
    await world.stack.settle()
    campaign = await world.read(path)
    assert (campaign["state"], campaign["enrolled"]) == ("open", 60)
    events = await world.emitted("EnterpriseEnrolled")
    assert len(events) == len({data["enterprise_id"] for _, data in events}) == 60

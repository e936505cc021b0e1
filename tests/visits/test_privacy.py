"""Who was met, and the note: sealed, shown to those who may, and forgotten when erased (S22)."""

from datetime import date

from shared.contracts.registry import PersonalDataErased
from tests.support.stack import Stack
from tests.visits.scenario import Campaign

NAME, NOTE = "欧阳受访", "电话13900001234"


async def test_S22_the_words_of_a_visit_are_forgotten_and_the_visit_still_counts(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    photo = await campaign.photo(manager)
    report = campaign.report(
        enterprise_id,
        interviewee={"role": "legal_representative", "name": NAME},
        note=NOTE,
        photo_ids=[photo],
    )
    path = f"/visits/{report['visit_id']}"
    assert (await manager.post("/visits", json=report)).status_code == 201
    shown = (await manager.get(path)).json()
    assert (shown["interviewee"]["name"], shown["note"]) == (NAME, NOTE)
    (stored,) = await stack.rows("visits", "select v::text, private_box from visit v")
    assert NAME.encode() not in stored["private_box"]
    assert NAME not in stored[0]
    await stack.publish(
        PersonalDataErased(subject_id=enterprise_id, kind="enterprise", erased_on=date(2022, 7, 1))
    )
    await stack.settle()
    assert await stack.rows("visits", "select 1 from data_key") == []
    after = (await manager.get(path)).json()
    assert (after["interviewee"]["name"], after["note"]) == ("", None)
    assert after["complete"] is True
    assert shown["complete"] is True


async def test_S22_the_erasure_of_a_member_of_staff_leaves_visits_alone(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    report = campaign.report(enterprise_id, note=NOTE)
    await manager.post("/visits", json=report)
    await stack.publish(
        PersonalDataErased(subject_id=enterprise_id, kind="staff", erased_on=date(2022, 7, 1))
    )
    await stack.settle()
    assert (await manager.get(f"/visits/{report['visit_id']}")).json()["note"] == NOTE

"""Personal data: unveiled for a purpose, corrected, found by telephone; and who looked."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.registry.api.schemas import EnterpriseOut
from services.registry.api.vault_schemas import (
    AccessOut,
    AccessPage,
    AlarmList,
    AlarmOut,
    LookupIn,
    LookupOut,
    PersonIn,
    PersonOut,
    RevealedOut,
    RevealIn,
)
from services.registry.store.persons import Person, keyring
from services.registry.usecases import vault
from services.registry.usecases.vault import CorrectPerson, LookUpPhone, RevealPerson
from shared.platform.access import may
from shared.platform.web import Run, decode_cursor, page_of, to_json

router = APIRouter(tags=["vault"])
Limit = Annotated[int, Query(ge=1, le=500)]


@router.post(
    "/enterprises/{enterprise_id}/reveals",
    status_code=201,
    response_model=RevealedOut,
    dependencies=[may("person", "reveal")],
)
async def post_reveal(enterprise_id: UUID, body: RevealIn, run: Run) -> Response:
    """申请查看企业联系人:写明用途,计入当日次数,企业可以看到。"""
    return await _reveal(enterprise_id, body, run)


@router.post(
    "/parties/{party_id}/reveals",
    status_code=201,
    response_model=RevealedOut,
    dependencies=[may("person", "reveal")],
)
async def post_expert_reveal(party_id: UUID, body: RevealIn, run: Run) -> Response:
    """申请查看专家、专班成员姓名:写明用途,计入当日次数。"""
    return await _reveal(party_id, body, run)


async def _reveal(subject_id: UUID, body: RevealIn, run: Run) -> Response:
    command = RevealPerson(
        subject_id=subject_id,
        purpose=body.purpose,
        reason=body.reason,
        settings=run.settings,
    )
    return await run(vault.reveal_person, command, answer=RevealedOut.of, status=201)


@router.get("/enterprises/{enterprise_id}/reveals", dependencies=[may("person", "read")])
async def get_reveals(
    enterprise_id: UUID, run: Run, cursor: str | None = None, limit: Limit = 50
) -> AccessPage:
    """谁在什么时间、为何看过企业联系人的信息。"""
    place = decode_cursor(cursor, datetime)
    before = place[0] if place else None
    found = await run.read(vault.reveals_of, enterprise_id, before, limit + 1)
    items, following = page_of(found, limit, lambda each: (each.at.isoformat(),))
    return AccessPage(items=[AccessOut.of(each) for each in items], next_cursor=following)


@router.get("/reveals/alarms", dependencies=[may("reveal_alarm", "read")])
async def get_alarms(run: Run, limit: Limit = 100) -> AlarmList:
    """当日查看次数用完的账号。"""
    found = await run.read(vault.budget_alarms, limit)
    return AlarmList(items=[AlarmOut.of(each) for each in found])


@router.get(
    "/reveals/{reveal_id}", response_model=PersonOut, dependencies=[may("person", "reveal")]
)
async def get_revealed(reveal_id: UUID, run: Run) -> Response:
    """查看联系人:仅申请人本人,在有效时间内。"""
    person = await run.read(vault.open_reveal, reveal_id)
    body = to_json(PersonOut.of(person))
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


@router.put(
    "/enterprises/{enterprise_id}/person",
    response_model=PersonOut,
    dependencies=[may("person", "update")],
)
async def put_person(enterprise_id: UUID, body: PersonIn, run: Run) -> Response:
    """更正企业联系人;返回的内容已遮盖。"""
    person = Person(body.legal_representative, body.phone, body.id_type, body.id_number)
    command = CorrectPerson(enterprise_id=enterprise_id, person=person)
    # Kept under a keyed value: a plain hash of a telephone number can be guessed back.
    asked = keyring().mac(body.model_dump_json())
    return await run(vault.correct_person, command, answer=PersonOut.of, fingerprint=asked)


@router.post(
    "/enterprises/lookup", response_model=LookupOut, dependencies=[may("person", "update")]
)
async def post_lookup(body: LookupIn, run: Run) -> Response:
    """按电话号码查企业;号码不进入网址、日志和幂等记录,计入当日查看次数。"""
    command = LookUpPhone(body.phone, body.purpose, body.reason, run.settings)
    asked = keyring().mac(body.model_dump_json())
    return await run(
        vault.look_up_phone,
        command,
        answer=lambda found: LookupOut(items=[EnterpriseOut.of(each) for each in found]),
        fingerprint=asked,
    )

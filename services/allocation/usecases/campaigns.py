"""Open a campaign on a list, and enrol every enterprise of that list."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec

from services.allocation.domain.profile import Profile, parse_profile
from services.allocation.store import campaigns, inputs
from services.allocation.store.campaigns import Campaign
from services.allocation.usecases.finding import find_campaign, open_one, running_one
from services.allocation.usecases.profiles import all_profiles
from shared.contracts.allocation import CampaignOpened, EnterpriseEnrolled
from shared.kernel.errors import BadInput, Conflict
from shared.kernel.ids import new_id
from shared.platform.database import Transaction
from shared.platform.jobs import Work, start_job

ENROL = "campaign.enrol"
CHUNK = 4_000
LONGEST_AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class OpenCampaign:
    """Open a campaign under a shipped profile, on one list vintage."""

    profile: str
    name: str
    list_vintage: str
    opens_on: date
    institution_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class EnrolLate:
    """Take in late arrivals of a campaign's list."""

    campaign_id: UUID


async def open_campaign(command: OpenCampaign, tx: Transaction) -> Campaign:
    """Pin profile, calendar and list; a job then enrols the enterprises (JS-01, JS-04, R4).

    Raises: BadInput `campaign.profile_unknown`,
    `campaign.opens_on_out_of_range`, `campaign.institution_wanted`,
    `campaign.institution_unwanted`, `campaign.institution_unknown`,
    `profile.calendar_out_of_order`; Conflict `campaign.list_unknown`,
    `campaign.list_incomplete`, `campaign.exists`.
    """
    document = await _document(command.profile, tx)
    profile = parse_profile(msgspec.json.decode(document))
    _check_day(command, tx.today)
    await _check_bank(profile, command.institution_id, tx)
    await _check_list(command.list_vintage, tx)
    campaign_id = new_id()
    campaign = Campaign(
        campaign_id=campaign_id,
        name=command.name,
        profile=profile,
        list_vintage=command.list_vintage,
        dates=profile.dates(command.opens_on),
        state="enrolling",
        enrolled=0,
        job_id=await start_job(tx, ENROL, {"campaign_id": str(campaign_id)}),
        institution_id=command.institution_id,
    )
    if not await campaigns.add(tx, campaign, document):
        raise Conflict(
            "campaign.exists",
            "同名活动已存在",
            f"清单 {command.list_vintage} 上已有名为“{command.name}”的活动,请换一个名称",
        )
    _announce(campaign, tx)
    return campaign


async def _document(code: str, tx: Transaction) -> bytes:
    known = {one.code: one for one in await all_profiles(tx)}
    if code not in known:
        raise BadInput(
            "campaign.profile_unknown", "没有这个活动方案", f"可用:{'、'.join(sorted(known))}"
        )
    return msgspec.json.encode(known[code].document)


def _check_day(command: OpenCampaign, today: date) -> None:
    earliest = date.fromisoformat(command.list_vintage)
    if not earliest <= command.opens_on <= today + LONGEST_AHEAD:
        raise BadInput(
            "campaign.opens_on_out_of_range",
            "活动开始日期超出范围",
            f"应在清单日期 {earliest} 之后,且不晚于今天起一年",
        )


async def _check_bank(profile: Profile, institution_id: UUID | None, tx: Transaction) -> None:
    """A tree that begins at an institution says which one; any other names none."""
    if profile.tree.of_one_bank and institution_id is None:
        raise BadInput(
            "campaign.institution_wanted",
            "缺少主办机构",
            "该方案的层级从一家机构开始,请指明 institution_id",
        )
    if institution_id is not None and not profile.tree.of_one_bank:
        raise BadInput(
            "campaign.institution_unwanted",
            "该活动方案不由单一机构主办",
            "请去掉 institution_id",
        )
    if institution_id is not None and str(institution_id) not in await inputs.names(tx):
        raise BadInput("campaign.institution_unknown", "没有这家机构", "请先导入机构")


async def _check_list(vintage: str, tx: Transaction) -> None:
    copy = await campaigns.list_copy(tx, vintage)
    if copy.expected is None:
        raise Conflict(
            "campaign.list_unknown",
            "没有这一期企业清单",
            f"清单 {vintage} 尚未导入完毕;请先在“清单导入”中导入,完成后约一秒再试",
        )
    if not copy.complete:
        raise Conflict(
            "campaign.list_incomplete",
            "企业清单仍在同步",
            f"清单 {vintage} 应有 {copy.expected} 户,已收到 {copy.known} 户;请稍后重试",
        )


def _announce(campaign: Campaign, tx: Transaction) -> None:
    dates = campaign.dates
    tx.emit(
        CampaignOpened(
            campaign_id=campaign.campaign_id,
            profile=campaign.profile.code,
            list_vintage=campaign.list_vintage,
            opens_on=dates.opens_on,
            visits_from=dates.visits_from,
            visits_until=dates.visits_until,
            contacts_due_on=dates.contacts_due_on,
            rotation_on=dates.rotation_on,
        )
    )
    tx.audit(
        "campaign.opened",
        campaign.campaign_id,
        after={"profile": campaign.profile.code, "list_vintage": campaign.list_vintage},
    )


async def enrol_late(command: EnrolLate, tx: Transaction) -> UUID:
    """Enrol what has come to the campaign's list since it opened; the job's id (A1).

    Where the first enrolment was given up, this goes on with it.

    Raises: NotFound `campaign.unknown`; Conflict `campaign.enrolling`, `campaign.closed`.
    """
    campaign = await running_one(tx, command.campaign_id, lock=True)
    resumes = await campaigns.enrol_again(tx, campaign.campaign_id)
    if not resumes:
        await open_one(tx, campaign.campaign_id)
    tx.audit("campaign.late_enrolment", campaign.campaign_id)
    job_id = await start_job(tx, ENROL, {"campaign_id": str(campaign.campaign_id)})
    if resumes:
        await campaigns.set_job(tx, campaign.campaign_id, job_id)
    return job_id


async def run_enrolment(work: Work) -> dict[str, Any]:
    """Enrol the whole list, so many at a time; a job begun again goes on where it stopped.

    Raises: Conflict `campaign.closed`: it was closed before everybody was in.
    """
    campaign_id = UUID(work.params["campaign_id"])
    async with work.transaction() as tx:
        campaign = await find_campaign(tx, campaign_id)
        whole = (await campaigns.list_copy(tx, campaign.list_vintage)).known
    done = campaign.enrolled
    while more := await _enrol_chunk(work, campaign):
        done += more
        await work.progress(min(done / max(whole, 1), 1.0), "正在登记参加活动的企业")
    async with work.transaction() as tx:
        await running_one(tx, campaign_id, lock=True)
        enrolled = await campaigns.finish_enrolment(tx, campaign_id)
    return {"campaign_id": str(campaign_id), "enrolled": enrolled}


async def _enrol_chunk(work: Work, campaign: Campaign) -> int:
    async with work.transaction() as tx:
        await running_one(tx, campaign.campaign_id, lock=True)
        fresh = await campaigns.enrol_next(tx, campaign, CHUNK)
        await campaigns.note_enrolled(tx, campaign.campaign_id, len(fresh))
        tx.emit(
            *(
                EnterpriseEnrolled(
                    enterprise_id=one.enterprise_id,
                    campaign_id=campaign.campaign_id,
                    list_vintage=campaign.list_vintage,
                    region_code=one.region_code,
                    opens_on=campaign.dates.opens_on,
                )
                for one in fresh
            )
        )
    return len(fresh)

"""The campaign everything else starts from."""

from uuid import UUID

from services.allocation.store import campaigns
from services.allocation.store.campaigns import Campaign
from shared.kernel.errors import Conflict, NotFound
from shared.platform.database import Transaction


async def find_campaign(tx: Transaction, campaign_id: UUID, *, lock: bool = False) -> Campaign:
    """One campaign; everybody who may sign in may see it.

    Raises: NotFound `campaign.unknown`.
    """
    campaign = await campaigns.find(tx, campaign_id, lock=lock)
    if campaign is None:
        raise NotFound("campaign.unknown", "没有这个活动")
    return campaign


async def running_one(tx: Transaction, campaign_id: UUID, *, lock: bool = False) -> Campaign:
    """A campaign that is not closed.

    Raises: NotFound `campaign.unknown`; Conflict `campaign.closed`.
    """
    campaign = await find_campaign(tx, campaign_id, lock=lock)
    if campaign.closed_on:
        raise Conflict("campaign.closed", "活动已经结束", f"结束日期 {campaign.closed_on}")
    return campaign


async def open_one(tx: Transaction, campaign_id: UUID, *, lock: bool = False) -> Campaign:
    """A running campaign whose list is entered, as everything after the opening needs it.

    Raises: NotFound `campaign.unknown`; Conflict `campaign.closed`, `campaign.enrolling`.
    """
    campaign = await running_one(tx, campaign_id, lock=lock)
    if campaign.state != "open":
        raise Conflict("campaign.enrolling", "企业名单仍在登记", "登记完成后再计算分配方案")
    return campaign

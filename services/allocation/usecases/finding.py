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


async def open_one(tx: Transaction, campaign_id: UUID) -> Campaign:
    """A campaign whose list is entered, as everything after the opening needs it.

    Raises: NotFound `campaign.unknown`; Conflict `campaign.enrolling`.
    """
    campaign = await find_campaign(tx, campaign_id)
    if campaign.state != "open":
        raise Conflict("campaign.enrolling", "企业名单仍在登记", "登记完成后再计算分配方案")
    return campaign

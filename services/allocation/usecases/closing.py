"""Close a campaign: two people end it, and what was done until then stays."""

from dataclasses import dataclass
from uuid import UUID

from services.allocation.store import campaigns
from services.allocation.store.campaigns import Campaign
from services.allocation.usecases.finding import find_campaign, open_one
from shared.contracts.allocation import CampaignClosed
from shared.platform.approvals import Presented, require
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class CloseCampaign:
    """End a campaign today, with a reason; `approval` is the second person's word."""

    campaign_id: UUID
    reason: str
    approval: Presented


async def close_campaign(command: CloseCampaign, tx: Transaction) -> Campaign:
    """End a campaign for good (M2): nothing more is shared out, moved, claimed or given back in it.

    Raises: NotFound `campaign.unknown`; Conflict `campaign.enrolling`, `campaign.closed`,
    `approval.*`.
    """
    campaign = await open_one(tx, command.campaign_id, lock=True)
    await require(tx, command.approval, action="campaign.close", subject=str(campaign.campaign_id))
    await campaigns.close(tx, campaign.campaign_id, command.reason)
    tx.emit(CampaignClosed(campaign_id=campaign.campaign_id, closed_on=tx.today))
    tx.audit("campaign.closed", campaign.campaign_id, before={"state": campaign.state})
    return await find_campaign(tx, campaign.campaign_id)

"""What takes two people: one asks, another one agrees, the first one does what was agreed to."""

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.campaign.accounts import IDENTITY
from benchmarks.campaign.api import Caller, Failed, Json
from benchmarks.campaign.waiting import until
from benchmarks.campaign.world import World


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done, to what, in words, and the body of the call."""

    action: str
    subject: str
    summary: str
    payload: Json


async def by_two(world: World, maker: Caller, checker: Caller, path: str, asked: Asked) -> Json:
    """The answer of a call that another person agreed to; waits until its service has heard of it.

    Raises: NotThere; Failed.
    """
    approval = await world.api.post(maker, f"{IDENTITY}/approvals", asdict(asked))
    place = f"{IDENTITY}/approvals/{approval['approval_id']}/decision"
    await world.api.post(checker, place, {"approved": True})
    headers, answer = {"x-approval": str(approval["approval_id"])}, dict[str, Any]()

    async def do_it() -> str:
        try:
            answer.update(await world.api.post(maker, path, asked.payload, headers=headers))
        except Failed as error:
            if error.problem.get("code") != "approval.pending":
                raise
            return "approval.pending"
        return ""

    await until(do_it, "复核 approval", bound=60)
    return answer

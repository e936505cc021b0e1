"""Sign-in elsewhere, common to WeChat and a foreign issuer: a browser goes away and comes back."""

import secrets
from dataclasses import dataclass

from services.identity.domain import passwords
from services.identity.domain.sessions import local_page
from services.identity.store import federation
from services.identity.store.federation import Flow
from shared.kernel.errors import Refused
from shared.platform.database import Database

FLOW_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Departure:
    """What a leaving browser takes along: `state` in the address, `browser` in a cookie."""

    state: str
    browser: str
    nonce: str
    verifier: str


async def depart(database: Database, kind: str, page: str | None) -> Departure:
    """Remember that a browser goes to sign in, and to which of our pages it wants afterwards."""
    leaving = Departure(
        secrets.token_hex(32), passwords.new_secret(), secrets.token_hex(16), secrets.token_hex(32)
    )
    flow = Flow(
        kind=kind,
        state_hash=passwords.digest(leaving.state),
        browser_hash=passwords.digest(leaving.browser),
        next=local_page(page),
        nonce=leaving.nonce,
        verifier=leaving.verifier,
    )
    async with database.transaction() as tx:
        await federation.add_flow(tx.connection, flow, FLOW_SECONDS)
    return leaving


async def arrive(database: Database, kind: str, state: str, browser: str) -> Flow:
    """The flow of a browser that came back; each works once.

    Raises: Refused 401 `sign_in.state`: another browser began this, or it was too long ago.
    """
    async with database.transaction() as tx:
        flow = await federation.take_flow(
            tx.connection, kind, passwords.digest(state), passwords.digest(browser)
        )
    if flow is None:
        raise Refused("sign_in.state", "登录已失效,请重新进入", status=401)
    return flow

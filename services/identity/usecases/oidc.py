"""Sign-in through a foreign issuer: one of its claims names an account that exists here."""

from services.identity.remote import oidc
from services.identity.settings import Settings
from services.identity.store import accounts
from services.identity.usecases import elsewhere
from services.identity.usecases.elsewhere import Departure
from services.identity.usecases.sessions import SignedIn, begin
from shared.kernel.errors import NotFound
from shared.platform.database import Database

KIND = "oidc"


def must_be_on(settings: Settings) -> None:
    """Refuse where no issuer is set.

    Raises: NotFound `oidc.off`.
    """
    if not settings.oidc_issuer:
        raise NotFound("oidc.off", "未启用统一身份认证")


async def start(database: Database, settings: Settings, page: str | None) -> tuple[Departure, str]:
    """Send a browser to the issuer; the address.

    Raises: NotFound `oidc.off`; Conflict 503 `oidc.away`.
    """
    must_be_on(settings)
    leaving = await elsewhere.depart(database, KIND, page)
    address = await oidc.authorize_address(
        settings, state=leaving.state, nonce=leaving.nonce, verifier=leaving.verifier
    )
    return leaving, address


async def finish(
    database: Database, settings: Settings, *, code: str, state: str, browser: str
) -> tuple[SignedIn, str]:
    """Take a browser back; its session, and the page it wanted.

    Which factors were used is the issuer's matter.
    Raises: NotFound `oidc.off`; Refused 401 `sign_in.state`, `oidc.refused`; Conflict 503
    `oidc.away`.
    """
    must_be_on(settings)
    flow = await elsewhere.arrive(database, KIND, state, browser)
    claims = await oidc.claims_of(settings, code=code, verifier=flow.verifier, nonce=flow.nonce)
    name = claims.get(settings.oidc_claim)
    if not isinstance(name, str) or not name:
        raise oidc.refused(f"no claim {settings.oidc_claim}")
    if settings.oidc_claim == "email" and claims.get("email_verified") is not True:
        raise oidc.refused("email not verified")
    async with database.transaction() as tx:
        account = await accounts.by_username(tx.connection, name)
        if account is None or not account.active or account.role == "bank_core":
            raise oidc.refused("no such account")
        return await begin(tx, account, settings, KIND), flow.next

"""The cookies of a signed-in browser."""

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from services.identity.api.schemas import AccountOut, SessionOut
from services.identity.domain.sessions import csrf_token
from services.identity.domain.tokens import Grant
from services.identity.keys import signer_of
from services.identity.settings import Settings
from services.identity.usecases.sessions import SignedIn
from shared.platform.clock import unix_now
from shared.platform.settings import SERVICES

REFRESH = "yinqi_refresh"
REFRESH_PATH = "/api/identity/v1"
#: What a browser away at another sign-in must come back with, and a WeChat visitor's ticket.
AWAY, VISITOR = "yinqi_away", "yinqi_visitor"
AWAY_SECONDS = 600


def session_cookie(settings: Settings) -> str:
    """The session cookie's name; with the prefix, browsers take it from this very host only."""
    return "__Host-yinqi_session" if settings.secure_cookie else "yinqi_session"


def session_of(request: Request, settings: Settings) -> str:
    """The session token of a request, empty where there is none."""
    return request.cookies.get(session_cookie(settings), "")


def set_session(response: Response, signed_in: SignedIn, settings: Settings) -> None:
    """Give the browser its session and refresh cookies."""
    response.set_cookie(
        session_cookie(settings),
        signed_in.session_token,
        max_age=settings.session_seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookie,
    )
    response.set_cookie(
        REFRESH,
        signed_in.refresh_token,
        max_age=settings.refresh_token_days * 86_400,
        path=REFRESH_PATH,
        httponly=True,
        samesite="strict",
        secure=settings.secure_cookie,
    )
    response.headers["cache-control"] = "no-store"


def clear_session(response: Response, settings: Settings) -> None:
    """Take both cookies away."""
    secure = settings.secure_cookie
    response.delete_cookie(session_cookie(settings), path="/", httponly=True, secure=secure)
    response.delete_cookie(REFRESH, path=REFRESH_PATH, httponly=True, secure=secure)


def set_short(response: Response, name: str, value: str, settings: Settings) -> None:
    """Give the browser something to bring back within minutes, from another site's page too."""
    response.set_cookie(
        name,
        value,
        max_age=AWAY_SECONDS,
        path=REFRESH_PATH,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookie,
    )
    response.headers["cache-control"] = "no-store"


def signed_in_answer(signed_in: SignedIn, settings: Settings) -> Response:
    """The answer to a sign-in: the account, the pages' CSRF token, and the cookies."""
    lifetime = settings.access_token_seconds
    grant = Grant(account_id=signed_in.account.account_id, audience=SERVICES)
    token = signer_of(settings).sign(grant, issued_at=unix_now(), lifetime_seconds=lifetime)
    body = SessionOut(
        access_token=token,
        expires_in=lifetime,
        account=AccountOut.model_validate(signed_in.account),
        csrf_token=csrf_token(signed_in.session_token),
    )
    response = JSONResponse(body.model_dump(mode="json"))
    set_session(response, signed_in, settings)
    return response

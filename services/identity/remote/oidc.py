"""A foreign OpenID Connect issuer: discovery, the exchange of a code, the check of an ID token."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.identity.settings import Settings
from shared.kernel.errors import Conflict, Refused
from shared.platform.clock import monotonic, unix_now
from shared.platform.logging import log

TIMEOUT_SECONDS = 5.0
KEEP_SECONDS = 600.0
SKEW_SECONDS = 60
ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "Ed25519"]


@dataclass(frozen=True, slots=True)
class Issuer:
    """What the issuer says of itself, and its keys."""

    about: dict[str, Any]
    keys: KeySet
    read_at: float


_known: dict[str, Issuer] = {}


def redirect_address(settings: Settings) -> str:
    """Where the issuer sends the browser back to."""
    return f"{settings.base}/oidc/callback"


def challenge(verifier: str) -> str:
    """PKCE: what the issuer is shown first of the verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def authorize_address(settings: Settings, *, state: str, nonce: str, verifier: str) -> str:
    """Where a browser signs in at the issuer.

    Raises: Conflict 503 `oidc.away`.
    """
    issuer = await _issuer(settings)
    values = {
        "response_type": "code",
        "client_id": settings.oidc_client_id,
        "redirect_uri": redirect_address(settings),
        "scope": settings.oidc_scope,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    return f"{issuer.about['authorization_endpoint']}?{urlencode(values)}"


async def claims_of(settings: Settings, *, code: str, verifier: str, nonce: str) -> dict[str, Any]:
    """The claims of the ID token that a code stands for, checked.

    Raises: Refused 401 `oidc.refused`; Conflict 503 `oidc.away`.
    """
    issuer = await _issuer(settings)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_address(settings),
        "client_id": settings.oidc_client_id,
        "client_secret": settings.oidc_client_secret,
        "code_verifier": verifier,
    }
    body = await _send("POST", str(issuer.about["token_endpoint"]), data=form)
    token = str(body.get("id_token", ""))
    try:
        return _check(settings, issuer, token, nonce)
    except (JoseError, ValueError):
        issuer = await _issuer(settings, fresh=True)  # its keys may have changed
    try:
        return _check(settings, issuer, token, nonce)
    except (JoseError, ValueError) as error:
        raise refused(type(error).__name__) from error


def refused(why: str) -> Refused:
    """The one answer to everything that is wrong with a foreign sign-in."""
    log().warning("oidc.refused", why=why)
    return Refused("oidc.refused", "统一身份认证未通过", "请重新登录或联系管理员", status=401)


def _check(settings: Settings, issuer: Issuer, token: str, nonce: str) -> dict[str, Any]:
    claims = jwt.decode(token, issuer.keys, algorithms=ALGORITHMS).claims
    jwt.JWTClaimsRegistry(
        now=unix_now,
        leeway=SKEW_SECONDS,
        iss={"essential": True, "value": str(issuer.about["issuer"])},
        aud={"essential": True, "value": settings.oidc_client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    ).validate(claims)
    several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
    if (several or "azp" in claims) and claims.get("azp") != settings.oidc_client_id:
        raise ValueError("azp")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise ValueError("nonce")
    return claims


async def _issuer(settings: Settings, *, fresh: bool = False) -> Issuer:
    name = settings.oidc_issuer.rstrip("/")
    known = _known.get(name)
    if known and not fresh and monotonic() - known.read_at < KEEP_SECONDS:
        return known
    about = await _send("GET", f"{name}/.well-known/openid-configuration")
    if str(about.get("issuer", "")).rstrip("/") != name:
        raise _away("issuer")
    keys = await _send("GET", str(about["jwks_uri"]))
    try:
        _known[name] = Issuer(about, KeySet.import_key_set(keys), monotonic())  # pyright: ignore[reportArgumentType]
    except (JoseError, ValueError) as error:
        raise _away("keys") from error
    return _known[name]


async def _send(method: str, address: str, **request: Any) -> dict[str, Any]:
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
            answer = await client.request(method, address, **request)
    except httpx2.HTTPError as error:
        raise _away(type(error).__name__) from error
    if 400 <= answer.status_code < 500:
        raise refused(f"status {answer.status_code}")
    try:
        body = answer.raise_for_status().json()
    except (httpx2.HTTPError, ValueError) as error:
        raise _away(type(error).__name__) from error
    if not isinstance(body, dict):
        raise _away("no object")
    return body


def _away(why: str) -> Conflict:
    log().warning("oidc.away", why=why)
    return Conflict("oidc.away", "统一身份认证服务暂不可用", "请稍后重试", status=503)

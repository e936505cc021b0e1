"""A foreign OpenID Connect issuer of our own: `python -m tests.fakes.oidc PORT`.

Strict where the standard is (PKCE, redirect address, code once, client secret), and on demand
dishonest: `/_test/lie` makes the next ID tokens wrong in one way.
"""

import base64
import hashlib
import json
import secrets
import sys
import time
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, SECRET = "yinqi", "a-secret-of-the-client"
LIES = (
    "nonce", "no_nonce", "aud", "two_audiences", "azp", "iss", "expired", "no_exp", "other_key",
    "alg_none", "no_sub", "no_token",
)  # fmt: skip


def new_key() -> RSAKey:
    """A signing key with a name."""
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})


class State:
    """The issuer's keys and codes, and what it says of people."""

    def __init__(self) -> None:
        self.key = new_key()
        self.codes: dict[str, dict[str, str]] = {}
        self.claims: dict[str, Any] = {"sub": "1"}
        self.lie = ""


world = State()


def base_of(request: Request) -> str:
    """The issuer's name."""
    return str(request.base_url).rstrip("/")


async def discovery(request: Request) -> Response:
    """What it says of itself."""
    base = base_of(request)
    return JSONResponse(
        {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
    )


async def jwks(_request: Request) -> Response:
    """Its public key."""
    return JSONResponse(KeySet([world.key]).as_dict(private=False))


async def authorize(request: Request) -> Response:
    """Everyone is signed in here, and agrees."""
    asked = dict(request.query_params)
    wanted = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
    if wanted.items() - asked.items() or not asked.get("code_challenge"):
        return JSONResponse({"error": "invalid_request"}, 400)
    code = secrets.token_urlsafe(24)
    world.codes[code] = asked
    back = urlencode({"code": code, "state": asked["state"]})
    return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)


async def token(request: Request) -> Response:
    """Exchange a code, once, for who proves to have begun it."""
    form = dict(await request.form())
    asked = world.codes.pop(str(form.get("code")), None)
    if form.get("client_id") != CLIENT_ID or form.get("client_secret") != SECRET:
        return JSONResponse({"error": "invalid_client"}, 401)
    digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if (
        asked is None
        or form.get("redirect_uri") != asked["redirect_uri"]
        or challenge != asked["code_challenge"]
    ):
        return JSONResponse({"error": "invalid_grant"}, 400)
    body = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 60}
    if world.lie != "no_token":
        body["id_token"] = id_token(base_of(request), asked)
    return JSONResponse(body)


def id_token(issuer: str, asked: dict[str, str]) -> str:
    """The ID token, true or with the lie that was asked for."""
    now, lie = int(time.time()), world.lie
    claims: dict[str, Any] = world.claims | {
        "iss": issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": asked["nonce"],
    }  # fmt: skip
    lies: dict[str, dict[str, Any]] = {
        "nonce": {"nonce": "another"},
        "no_nonce": {"nonce": None},
        "aud": {"aud": "someone-else"},
        "two_audiences": {"aud": [CLIENT_ID, "someone-else"]},
        "azp": {"azp": "someone-else"},
        "iss": {"iss": "http://elsewhere.invalid"},
        "expired": {"exp": now - 120, "iat": now - 180},
        "no_exp": {"exp": None},
        "no_sub": {"sub": None},
    }
    claims = {k: v for k, v in (claims | lies.get(lie, {})).items() if v is not None}
    if lie == "alg_none":
        head, body = ({"alg": "none"}, claims)
        parts = [base64.urlsafe_b64encode(_json(one)).decode().rstrip("=") for one in (head, body)]
        return f"{parts[0]}.{parts[1]}."
    key = new_key() if lie == "other_key" else world.key
    return jwt.encode({"alg": "RS256", "kid": world.key.kid}, claims, key)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


async def set_up(request: Request) -> Response:
    """Test: the claims of who signs in from now on, the lie, and whether to take a new key."""
    told = await request.json()
    world.claims, world.lie = told["claims"], told.get("lie", "")
    if told.get("new_key"):
        world.key = new_key()
    return JSONResponse({})


app = Starlette(
    routes=[
        Route("/.well-known/openid-configuration", discovery),
        Route("/jwks", jwks),
        Route("/authorize", authorize),
        Route("/token", token, methods=["POST"]),
        Route("/_test/set", set_up, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

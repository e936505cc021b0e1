"""WeChat's servers, as far as an official account needs them: `python -m tests.fakes.wechat PORT`.

Speaks the documented HTTP contract, error numbers included: JSON as text/plain, status 200 for
errors, codes that work once, tokens that end, snapshot users. `/_test/…` is the hand of the test:
who is holding the phone, and which token or ticket ends early.
"""

import hashlib
import json
import secrets
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

APP_ID, SECRET = "wx1234567890abcdef", "0123456789abcdef0123456789abcdef"
CODE_SECONDS, TOKEN_SECONDS, PAGE_TOKEN_SECONDS = 300, 7200, 7200


@dataclass
class Phone:
    """Who opens the page: an openid of this account, and whether only as a snapshot."""

    openid: str = "oFAKEopenid-0001"
    unionid: str = "uFAKEunionid-0001"
    snapshot: bool = False


@dataclass
class World:
    """Everything the fake knows."""

    phone: Phone = field(default_factory=Phone)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    page_tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    refresh_tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    token: str = ""
    token_until: float = 0.0
    ended_tokens: set[str] = field(default_factory=set)
    ticket: str = ""
    calls: list[str] = field(default_factory=list)


world = World()


def answer(**body: Any) -> Response:
    """As WeChat does it: status 200 and text/plain, errors too."""
    return Response(json.dumps(body, ensure_ascii=False), media_type="text/plain")


def error(number: int, text: str) -> Response:
    """An error by its number."""
    return answer(errcode=number, errmsg=f"{text}, rid: {secrets.token_hex(8)}")


async def authorize(request: Request) -> Response:
    """The consent page, agreed to at once."""
    asked = request.query_params
    if asked.get("appid") != APP_ID or asked.get("response_type") != "code":
        return Response("参数错误", status_code=200, media_type="text/html")
    scope = asked.get("scope", "")
    if scope not in ("snsapi_base", "snsapi_userinfo"):
        return Response("Scope 参数错误或没有 Scope 权限", status_code=200, media_type="text/html")
    state = asked.get("state", "")
    if len(state) > 128 or not (state == "" or state.isalnum()):
        return Response("state 参数错误", status_code=200, media_type="text/html")
    code = "0" + secrets.token_hex(15)
    world.codes[code] = {
        "phone": Phone(**vars(world.phone)),
        "scope": scope,
        "until": time.time() + CODE_SECONDS,
        "used": False,
    }
    target = asked["redirect_uri"]
    sign = "&" if "?" in target else "?"
    return RedirectResponse(f"{target}{sign}{urlencode({'code': code, 'state': state})}", 302)


async def oauth_token(request: Request) -> Response:
    """sns/oauth2/access_token."""
    asked = request.query_params
    world.calls.append("oauth")
    if asked.get("appid") != APP_ID:
        return error(40013, "invalid appid")
    if asked.get("secret") != SECRET:
        return error(40125, "invalid appsecret")
    if asked.get("grant_type") != "authorization_code":
        return error(40002, "invalid grant_type")
    if not asked.get("code"):
        return error(41008, "missing code")
    kept = world.codes.get(asked["code"])
    if kept is None:
        return error(40029, "invalid code")
    if kept["used"]:
        return error(40163, "code been used")
    if kept["until"] < time.time():
        return error(42003, "code expired")
    kept["used"] = True
    return answer(**page_token(kept["phone"], kept["scope"]))


def page_token(phone: Phone, scope: str) -> dict[str, Any]:
    """What a page gets for its user; the unionid only with snsapi_userinfo."""
    token, refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
    kept = {"phone": phone, "scope": scope, "until": time.time() + PAGE_TOKEN_SECONDS}
    world.page_tokens[token] = kept
    world.refresh_tokens[refresh] = kept
    body: dict[str, Any] = {
        "access_token": token,
        "expires_in": PAGE_TOKEN_SECONDS,
        "refresh_token": refresh,
        "openid": phone.openid,
        "scope": scope,
    }
    if scope == "snsapi_userinfo":
        body["unionid"] = phone.unionid
    if phone.snapshot:
        body["is_snapshotuser"] = 1
    return body


async def oauth_refresh(request: Request) -> Response:
    """sns/oauth2/refresh_token."""
    asked = request.query_params
    if asked.get("appid") != APP_ID:
        return error(40013, "invalid appid")
    kept = world.refresh_tokens.get(asked.get("refresh_token", ""))
    if kept is None:
        return error(40030, "invalid refresh_token")
    body = page_token(kept["phone"], kept["scope"])
    body.pop("unionid", None)
    return answer(**body)


def page_user(request: Request) -> Phone | Response:
    """Whose page token this is, or the error."""
    kept = world.page_tokens.get(request.query_params.get("access_token", ""))
    if kept is None:
        return error(40001, "invalid credential, access_token is invalid or not latest")
    if kept["until"] < time.time():
        return error(42001, "access_token expired")
    if kept["phone"].openid != request.query_params.get("openid"):
        return error(40003, "invalid openid")
    return kept["phone"]


async def user_info(request: Request) -> Response:
    """sns/userinfo."""
    phone = page_user(request)
    if isinstance(phone, Response):
        return phone
    nothing: dict[str, Any] = {"sex": 0, "language": "", "city": "", "province": "", "country": ""}
    return answer(
        openid=phone.openid,
        nickname="微信用户",
        **nothing,
        headimgurl="",
        privilege=[],
        unionid=phone.unionid,
    )


async def page_token_check(request: Request) -> Response:
    """sns/auth."""
    phone = page_user(request)
    return phone if isinstance(phone, Response) else error_free()


def error_free() -> Response:
    """The plain yes."""
    return answer(errcode=0, errmsg="ok")


def new_token(*, fresh: bool) -> Response:
    """The account's token: the same one until it ends, or a fresh one that ends the last."""
    if fresh or world.token_until < time.time():
        if world.token:
            world.ended_tokens.add(world.token)
        world.token, world.token_until = secrets.token_urlsafe(96), time.time() + TOKEN_SECONDS
    left = int(world.token_until - time.time())
    return answer(access_token=world.token, expires_in=min(left + 1, TOKEN_SECONDS))


async def stable_token(request: Request) -> Response:
    """cgi-bin/stable_token."""
    world.calls.append("stable_token")
    try:
        asked = await request.json()
    except ValueError:
        return error(47001, "data format error")
    if asked.get("grant_type") != "client_credential":
        return error(40002, "invalid grant_type")
    if asked.get("appid") != APP_ID:
        return error(40013, "invalid appid")
    if asked.get("secret") != SECRET:
        return error(40125, "invalid appsecret")
    return new_token(fresh=bool(asked.get("force_refresh")))


async def plain_token(request: Request) -> Response:
    """cgi-bin/token, the older way: every call ends the token before."""
    asked = request.query_params
    if asked.get("grant_type") != "client_credential":
        return error(40002, "invalid grant_type")
    if asked.get("appid") != APP_ID or asked.get("secret") != SECRET:
        return error(40001, "invalid credential")
    return new_token(fresh=True)


def wrong_token(request: Request) -> Response | None:
    """The error for a token that is not, or no longer, good."""
    token = request.query_params.get("access_token", "")
    if not token:
        return error(41001, "access_token missing")
    if token in world.ended_tokens:
        return error(42001, "access_token expired")
    if token != world.token:
        return error(40001, "invalid credential, access_token is invalid or not latest")
    return None


async def get_ticket(request: Request) -> Response:
    """cgi-bin/ticket/getticket."""
    world.calls.append("ticket")
    if wrong := wrong_token(request):
        return wrong
    if request.query_params.get("type") != "jsapi":
        return error(40097, "invalid args")
    world.ticket = world.ticket or secrets.token_urlsafe(64)
    return answer(errcode=0, errmsg="ok", ticket=world.ticket, expires_in=7200)


async def send_template(request: Request) -> Response:
    """cgi-bin/message/template/send."""
    if wrong := wrong_token(request):
        return wrong
    asked = await request.json()
    if not asked.get("touser", "").startswith("o"):
        return error(40003, "invalid openid")
    if not asked.get("template_id"):
        return error(40037, "invalid template_id")
    return answer(errcode=0, errmsg="ok", msgid=secrets.randbits(40))


async def set_phone(request: Request) -> Response:
    """Test: who holds the phone from now on."""
    world.phone = Phone(**(await request.json()))
    return error_free()


async def end_token(_request: Request) -> Response:
    """Test: the account's token ends before its time, as after a reset of the secret."""
    world.ended_tokens.add(world.token)
    world.token, world.token_until = "", 0.0
    return error_free()


async def seen(_request: Request) -> Response:
    """Test: which calls came, and which ticket is valid."""
    digest = hashlib.sha256(world.token.encode()).hexdigest()
    return answer(calls=world.calls, ticket=world.ticket, token_sha256=digest)


app = Starlette(
    routes=[
        Route("/connect/oauth2/authorize", authorize),
        Route("/sns/oauth2/access_token", oauth_token),
        Route("/sns/oauth2/refresh_token", oauth_refresh),
        Route("/sns/userinfo", user_info),
        Route("/sns/auth", page_token_check),
        Route("/cgi-bin/stable_token", stable_token, methods=["POST"]),
        Route("/cgi-bin/token", plain_token),
        Route("/cgi-bin/ticket/getticket", get_ticket),
        Route("/cgi-bin/message/template/send", send_template, methods=["POST"]),
        Route("/_test/phone", set_phone, methods=["POST"]),
        Route("/_test/end-token", end_token, methods=["POST"]),
        Route("/_test/seen", seen),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

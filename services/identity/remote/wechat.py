"""The interface of a WeChat official account: web sign-in, the token, the page ticket.

Answers are JSON, whatever their content type says; success of most calls carries no `errcode`.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2

from services.identity.settings import Settings
from shared.kernel.errors import Conflict, Refused
from shared.platform.logging import log

TIMEOUT_SECONDS = 5.0
#: The access token is wrong or has ended: asking for a fresh one helps.
STALE_TOKEN = (40001, 40014, 42001)
_BAD_CODE = (40029, 40163, 42003)


class WeChatError(Exception):
    """WeChat answered with an error number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who signed in at WeChat. `snapshot`: a stand-in for somebody who has not agreed yet."""

    openid: str
    unionid: str | None
    snapshot: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A token or ticket, and for how many seconds it is good."""

    value: str
    seconds: int


def authorize_address(settings: Settings, *, state: str) -> str:
    """Where a browser within WeChat signs in; WeChat wants the parameters in this order."""
    values = {
        "appid": settings.wechat_app_id,
        "redirect_uri": f"{settings.base}/wechat/callback",
        "response_type": "code",
        "scope": "snsapi_userinfo",
        "state": state,
    }
    start = f"{settings.wechat_open_url.rstrip('/')}/connect/oauth2/authorize"
    return f"{start}?{urlencode(values)}#wechat_redirect"


async def visitor_of(settings: Settings, code: str) -> Visitor:
    """Who the code of a sign-in stands for; it is good once.

    Raises: Refused `wechat.code`; Conflict 503 `wechat.away`.
    """
    try:
        body = await _ask(
            settings,
            "GET",
            "/sns/oauth2/access_token",
            params={
                "appid": settings.wechat_app_id,
                "secret": settings.wechat_secret,
                "code": code,
                "grant_type": "authorization_code",
            },
        )
    except WeChatError as error:
        if error.number in _BAD_CODE:
            raise Refused("wechat.code", "微信登录已失效,请重新进入", status=401) from error
        raise away(error.number) from error
    snapshot = str(body.get("is_snapshotuser", "")) == "1"
    return Visitor(str(body["openid"]), body.get("unionid"), snapshot)


async def access_token(settings: Settings, *, fresh: bool) -> Key:
    """The account's token; asked again it is the same one, unless a `fresh` one is wanted.

    Raises: Conflict 503 `wechat.away`.
    """
    try:
        body = await _ask(
            settings,
            "POST",
            "/cgi-bin/stable_token",
            json={
                "grant_type": "client_credential",
                "appid": settings.wechat_app_id,
                "secret": settings.wechat_secret,
                "force_refresh": fresh,
            },
        )
    except WeChatError as error:
        raise away(error.number) from error
    return Key(str(body["access_token"]), int(body["expires_in"]))


async def page_ticket(settings: Settings, token: str) -> Key:
    """The ticket with which pages are signed.

    Raises: WeChatError, among them `STALE_TOKEN`; Conflict 503 `wechat.away`.
    """
    params = {"access_token": token, "type": "jsapi"}
    body = await _ask(settings, "GET", "/cgi-bin/ticket/getticket", params=params)
    return Key(str(body["ticket"]), int(body["expires_in"]))


async def _ask(settings: Settings, method: str, path: str, **request: Any) -> dict[str, Any]:
    address = settings.wechat_api_url.rstrip("/") + path
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
            answer = await client.request(method, address, **request)
        body = answer.raise_for_status().json()
    except (httpx2.HTTPError, ValueError) as error:
        raise away(type(error).__name__) from error
    if not isinstance(body, dict):
        raise away("no object")
    if number := body.get("errcode"):
        raise WeChatError(int(number))
    return body


def away(why: object) -> Conflict:
    """WeChat cannot be reached, or does not do what it should."""
    log().warning("wechat.away", why=str(why))
    return Conflict("wechat.away", "微信服务暂不可用", "请稍后重试", status=503)

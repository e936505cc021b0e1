"""The fake of WeChat's servers satisfies a client library that others wrote for the real ones."""

import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.fakes.wechat import APP_ID, SECRET

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def library(wechat_address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """wechatpy, pointed at the fake in place of its own addresses."""
    import wechatpy
    from wechatpy import oauth
    from wechatpy.client import WeChatClient

    monkeypatch.setattr(oauth.WeChatOAuth, "API_BASE_URL", f"{wechat_address}/")
    monkeypatch.setattr(oauth.WeChatOAuth, "OAUTH_BASE_URL", f"{wechat_address}/connect/")
    monkeypatch.setattr(WeChatClient, "API_BASE_URL", f"{wechat_address}/cgi-bin/")

    def token_elsewhere(self: Any) -> Any:
        return self._fetch_access_token(
            url=f"{wechat_address}/cgi-bin/token",
            params={"grant_type": "client_credential", "appid": self.appid, "secret": self.secret},
        )

    monkeypatch.setattr(WeChatClient, "fetch_access_token", token_elsewhere)
    return wechatpy


def code_of(address: str, scope: str = "snsapi_userinfo") -> str:
    answer = httpx2.get(
        f"{address}/connect/oauth2/authorize",
        params={
            "appid": APP_ID,
            "redirect_uri": "http://yinqi.test/back",
            "response_type": "code",
            "scope": scope,
            "state": "s1",
        },
    )
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    assert back["state"] == ["s1"]
    return back["code"][0]


def oauth_of(library: Any) -> Any:
    from wechatpy.oauth import WeChatOAuth

    return WeChatOAuth(APP_ID, SECRET, "http://yinqi.test/back", scope="snsapi_userinfo")


def test_the_library_signs_a_user_in(library: Any, wechat_address: str) -> None:
    client = oauth_of(library)

    found = client.fetch_access_token(code_of(wechat_address))
    user = client.get_user_info()
    renewed = client.refresh_access_token(found["refresh_token"])

    assert found["openid"] == user["openid"] == renewed["openid"]
    assert found["unionid"] == user["unionid"]
    assert client.check_access_token()


def test_the_library_hears_the_documented_errors(library: Any, wechat_address: str) -> None:
    from wechatpy.exceptions import WeChatOAuthException

    client, code = oauth_of(library), code_of(wechat_address)
    client.fetch_access_token(code)

    for wrong, number in (("made-up", 40029), (code, 40163)):
        with pytest.raises(WeChatOAuthException) as caught:
            client.fetch_access_token(wrong)
        assert caught.value.errcode == number
    base = client.fetch_access_token(code_of(wechat_address, "snsapi_base"))
    assert "unionid" not in base


def test_the_library_gets_token_ticket_and_sends_a_notice(
    library: Any, wechat_address: str
) -> None:
    from wechatpy.exceptions import WeChatClientException

    client = library.WeChatClient(APP_ID, SECRET)
    ticket = client.jsapi.get_ticket()["ticket"]
    signed = client.jsapi.get_jsapi_signature("n", ticket, 1, "http://yinqi.test/m/")
    sent = client.message.send_template("o-1", "template-1", {"thing1": {"value": "走访"}})

    text = f"jsapi_ticket={ticket}&noncestr=n&timestamp=1&url=http://yinqi.test/m/"
    assert signed == hashlib.sha1(text.encode()).hexdigest()
    assert sent["errcode"] == 0
    with pytest.raises(WeChatClientException) as caught:
        client.message.send_template("x-1", "template-1", {})
    assert caught.value.errcode == 40003


def test_a_stable_token_stays_until_a_fresh_one_is_forced(wechat_address: str) -> None:
    def ask(*, fresh: bool) -> str:
        body = {
            "grant_type": "client_credential",
            "appid": APP_ID,
            "secret": SECRET,
            "force_refresh": fresh,
        }
        return str(
            httpx2.post(f"{wechat_address}/cgi-bin/stable_token", json=body).json()["access_token"]
        )

    first, same, fresh = ask(fresh=False), ask(fresh=False), ask(fresh=True)
    old = httpx2.get(
        f"{wechat_address}/cgi-bin/ticket/getticket",
        params={"access_token": first, "type": "jsapi"},
    ).json()
    none = httpx2.get(
        f"{wechat_address}/cgi-bin/ticket/getticket", params={"access_token": "x", "type": "jsapi"}
    ).json()

    assert first == same != fresh
    assert (old["errcode"], none["errcode"]) == (42001, 40001)

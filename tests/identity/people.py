"""Accounts with passwords, and browsers that hold their cookies."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2

from tests.support.stack import Stack

PASSWORD = "长密码-long-enough-1"
BANK, OTHER_BANK = uuid4(), uuid4()


@dataclass
class Browser:
    """Cookies by hand: the test client's own jar knows no other site and no other tab."""

    client: httpx2.AsyncClient
    cookies: dict[str, str]
    csrf: str = ""
    account: dict[str, Any] | None = None

    async def send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """One request with this browser's cookies; those of the answer are kept."""
        self.client.cookies.clear()
        headers = {"cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        answer = await self.client.request(
            method, path, headers=headers | request.pop("headers", {}), **request
        )
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "max-age=0" in line.lower() or value in ("", '""'):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        self.client.cookies.clear()
        return answer

    async def sign_in(self, username: str, **more: str) -> httpx2.Response:
        """Sign in with the usual password."""
        body = {"username": username, "password": PASSWORD} | more
        answer = await self.send("POST", "/sign-in", json=body)
        if answer.status_code == 200:
            self.csrf, self.account = answer.json()["csrf_token"], answer.json()["account"]
        return answer

    async def authz(
        self, service: str = "visits", method: str = "GET", csrf: str | None = None
    ) -> httpx2.Response:
        """The gateway's question for a call of this browser."""
        headers = {"x-service": service, "x-original-method": method}
        if csrf is not None:
            headers["x-csrf-token"] = csrf
        return await self.send("GET", "/authz", headers=headers)

    async def call(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """A call through the gateway to identity: the question first, then with its token."""
        asked = await self.authz("identity", method, self.csrf)
        if asked.status_code != 204:
            return asked
        headers = {
            "authorization": f"Bearer {asked.headers['x-access-token']}",
            "idempotency-key": uuid4().hex,
        }
        return await self.send(
            method, path, headers=headers | request.pop("headers", {}), **request
        )


def seat(role: str = "relationship_manager", bank: object = BANK, **more: object) -> dict[str, Any]:
    """A role with its place."""
    place: dict[str, Any] = {"role": role}
    if role in ("bank_head", "branch_head", "relationship_manager"):
        place["institution_id"] = str(bank)
    if role in ("branch_head", "relationship_manager"):
        place |= {"outlet_id": str(uuid4()), "staff_id": str(uuid4())}
    if role == "bureau":
        place["region_code"] = "320500"
    return place | {name: str(value) for name, value in more.items()}


async def opened(stack: Stack, username: str = "rm-1", **more: Any) -> UUID:
    """An account with the usual password."""
    row = {"username": username, "password": PASSWORD} | seat(**more)
    admin = stack.caller("identity", "platform_admin")
    item = (await admin.post("/accounts:batch", json={"rows": [row]})).json()["items"][0]
    assert item["status"] == "opened", item
    return UUID(item["account_id"])


def browser(stack: Stack) -> Browser:
    """A browser without cookies."""
    return Browser(stack._clients["identity"], {})


async def signed_in(stack: Stack, username: str = "rm-1", **more: Any) -> Browser:
    """A browser in which a new account has signed in."""
    await opened(stack, username, **more)
    one = browser(stack)
    answer = await one.sign_in(username)
    assert answer.status_code == 200, answer.text
    return one

"""S13 at the gateway: forged headers, CSRF, CORS, Host poisoning, smuggling, method override.

Each case is sent to a real nginx; what a service would have heard is what counts.
"""

import re
import threading
import time
from collections.abc import Iterator

import pytest

from shared.platform.embedded.gateway import Rates
from shared.platform.embedded.nginx import Nginx
from tests.embedded.echo import CSRF, SESSION, Heard, ask, echoing, send_raw

PATH = "/api/registry/v1/x"
SIGNED = f"Cookie: {SESSION}\r\nX-CSRF-Token: {CSRF}\r\n"


@pytest.fixture(scope="module")
def echo() -> Iterator[Heard]:
    with echoing() as heard:
        yield heard


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, echo: Heard) -> Iterator[Nginx]:
    home = tmp_path_factory.mktemp("gateway")
    upstreams = {"identity": echo.port, "registry": echo.port}
    nginx = Nginx(home / "nginx", upstreams, web=home, hosts=["yinqi.example"], rates=Rates())
    nginx.start()
    yield nginx
    nginx.stop()


@pytest.fixture(autouse=True)
def fresh(echo: Heard) -> None:
    echo.requests.clear()
    echo.asked.clear()


FORGED = [
    "X-Access-Token",
    "X-Service",
    "X-Client-Cert",
    "X-Original-Method",
    "X-Original-URI",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Subject",
    "X-User",
    "X-Role",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X_Access_Token",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Problem-Code",
    "Forwarded",
    "True-Client-IP",
    "Upgrade",
    "TE",
    "Proxy",
    "Origin",
    "Referer",
]


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("path", [PATH, "/api/identity/v1/sign-in"])
def test_S13_a_header_of_the_callers_own_reaches_no_service(
    gateway: Nginx, echo: Heard, name: str, path: str
) -> None:
    value = gateway.url if name == "Origin" else "forged"
    got = ask(gateway, path, headers={name: value})
    assert got.status == 200
    assert name.lower() not in got.heard
    for asked in echo.asked:
        assert asked.get(name.lower()) != "forged"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "X-Forwarded-Proto"])
def test_S13_what_the_gateway_says_of_the_caller_cannot_be_forged(
    gateway: Nginx, name: str
) -> None:
    told = ask(gateway, PATH, headers={name: "8.8.8.8"}).heard[name.lower()]
    assert told in ("127.0.0.1", "http")


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "DEBUG", "get"])
def test_S13_unusual_methods_and_overrides_are_refused(
    gateway: Nginx, echo: Heard, method: str
) -> None:
    raw = f"{method} {PATH} HTTP/1.1\r\nHost: localhost\r\n{SIGNED}Connection: close\r\n\r\n"
    status = int(send_raw(gateway, raw.encode())[9:12])
    assert status in (400, 405)
    assert echo.requests == []


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "null",
        "http://",
        "file://",
        "http://evil.example/127.0.0.1",
        "http://127.0.0.1:1",
        "https://127.0.0.1@evil.example",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_S13_another_sites_page_cannot_write(
    gateway: Nginx, echo: Heard, origin: str, method: str
) -> None:
    for path in (PATH, "/api/identity/v1/sign-in", "/api/identity/v1/refresh"):
        got = ask(gateway, path, method, {"Origin": origin}, b"{}")
        assert got.problem() == (403, "gateway.foreign_origin"), path
    assert echo.requests == echo.asked == []


def test_S13_our_own_page_can_write_and_no_other_may_read(gateway: Nginx) -> None:
    own = ask(gateway, PATH, "POST", {"Origin": gateway.url}, b"{}")
    assert own.status == 200
    foreign = ask(gateway, PATH, headers={"Origin": "https://evil.example"})
    assert not [name for name in foreign.headers if name.startswith("access-control-")]
    assert foreign.headers["cross-origin-resource-policy"] == "same-origin"


def test_S13_a_write_without_the_sessions_token_is_refused(gateway: Nginx, echo: Heard) -> None:
    got = ask(gateway, PATH, "POST", {"Cookie": SESSION}, b"{}", signed_in=False)
    assert got.problem() == (403, "access.csrf")
    assert echo.requests == []


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_S13_a_foreign_host_is_refused(gateway: Nginx, echo: Heard, host: str) -> None:
    for path in (PATH, "/"):
        assert ask(gateway, path, headers={"Host": host}).problem() == (421, "gateway.unknown_host")
    assert echo.requests == echo.asked == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "yinqi.example", "127.0.0.1:9"])
def test_S13_our_own_names_are_served(gateway: Nginx, host: str) -> None:
    assert ask(gateway, PATH, headers={"Host": host}).status == 200


HEAD = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{SIGNED}"
SMUGGLED = f"GET {PATH}?smuggled HTTP/1.1\r\nHost: localhost\r\n{SIGNED}\r\n"
POISON = [
    f"GET http://evil.example{PATH} HTTP/1.1\r\nHost: localhost\r\n{SIGNED}\r\n",
    f"GET http://localhost{PATH} HTTP/1.1\r\nHost: evil.example\r\n{SIGNED}\r\n",
    f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n{SIGNED}\r\n",
    f"GET {PATH} HTTP/1.1\r\n{SIGNED}\r\n",
    f"GET {PATH} HTTP/1.0\r\n{SIGNED}\r\n",
    f"GET {PATH} HTTP/1.1\r\nHost: localhost/evil\r\n{SIGNED}\r\n",
    f"GET {PATH} HTTP/1.1\r\nHost: localhost@evil.example\r\n{SIGNED}\r\n",
    f"GET {PATH} HTTP/1.1\r\nHost: \r\n{SIGNED}\r\n",
]


@pytest.mark.parametrize("raw", POISON)
def test_S13_a_poisoned_host_reaches_no_service(gateway: Nginx, echo: Heard, raw: str) -> None:
    found = send_raw(gateway, raw.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
    assert found[9:12] in (b"400", b"421")
    assert b"application/problem+json" in found
    assert b"X-Frame-Options: DENY" in found
    assert echo.requests == echo.asked == []


def _body(framing: str, body: str) -> str:
    return f"{HEAD}{framing}\r\n\r\n{body}"


SMUGGLING = {
    "CL.TE": _body("Content-Length: 6\r\nTransfer-Encoding: chunked", f"0\r\n\r\n{SMUGGLED}"),
    "TE.CL": _body("Transfer-Encoding: chunked\r\nContent-Length: 4", f"5c\r\n{SMUGGLED}0\r\n\r\n"),
    "CL.CL": _body("Content-Length: 0\r\nContent-Length: 9", SMUGGLED),
    "TE.TE": _body("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", f"0\r\n\r\n{SMUGGLED}"),
    "TE unknown": _body("Transfer-Encoding: xchunked", f"0\r\n\r\n{SMUGGLED}"),
    "TE identity": _body("Transfer-Encoding: identity", SMUGGLED),
    "TE list": _body("Transfer-Encoding: gzip, chunked", f"0\r\n\r\n{SMUGGLED}"),
    "TE space": _body("Transfer-Encoding : chunked\r\nContent-Length: 3", f"0\r\n\r\n{SMUGGLED}"),
    "TE vtab": _body("Transfer-Encoding:\x0bchunked\r\nContent-Length: 3", f"0\r\n{SMUGGLED}"),
    "CL plus": _body("Content-Length: +3", f"abc{SMUGGLED}"),
    "CL minus": _body("Content-Length: -1", SMUGGLED),
    "CL hex": _body("Content-Length: 0x3", f"abc{SMUGGLED}"),
    "CL list": _body("Content-Length: 3, 3", f"abc{SMUGGLED}"),
    "CL space": _body("Content-Length : 3", f"abc{SMUGGLED}"),
    "CL huge": _body("Content-Length: 99999999999999999999", SMUGGLED),
    "chunk size": _body("Transfer-Encoding: chunked", f"zz\r\nabc\r\n0\r\n\r\n{SMUGGLED}"),
    "chunk minus": _body("Transfer-Encoding: chunked", f"-1\r\nabc\r\n0\r\n\r\n{SMUGGLED}"),
    "chunk huge": _body("Transfer-Encoding: chunked", f"ffffffffffffffff1\r\nabc\r\n{SMUGGLED}"),
    "null in name": f"{HEAD}Content-Length\x00: 3\r\n\r\nabc{SMUGGLED}",
    "null in value": f"{HEAD}X-A: a\x00b\r\nContent-Length: 0\r\n\r\n{SMUGGLED}",
    "TE on 1.0": f"POST {PATH} HTTP/1.0\r\nHost: localhost\r\n{SIGNED}"
    f"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "version": f"POST {PATH} HTTP/1.1x\r\nHost: localhost\r\n\r\n{SMUGGLED}",
    "version 2": f"POST {PATH} HTTP/2.0\r\nHost: localhost\r\n\r\n{SMUGGLED}",
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_S13_no_second_request_hides_in_the_first(gateway: Nginx, echo: Heard, name: str) -> None:
    found = send_raw(gateway, SMUGGLING[name].encode("latin-1"))
    statuses = re.findall(rb"HTTP/1\.[01] (\d+)", found)
    assert len(statuses) == 1, found  # one answer, and the connection is shut
    assert statuses[0] in (b"400", b"405", b"413", b"501", b"505"), found
    assert [told["path"] for told in echo.requests if "smuggled" in str(told["path"])] == []


def test_S13_a_folded_or_odd_header_is_no_header(gateway: Nginx, echo: Heard) -> None:
    raw = (
        f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n{SIGNED}Idempotency-Key: one\r\n two\r\n"
        "X-Odd@Name: 1\r\nConnection: close\r\n\r\n"
    )
    found = send_raw(gateway, raw.encode())
    assert found[9:12] in (b"200", b"400")
    assert all("two" not in str(told["headers"]) for told in echo.requests)


@pytest.mark.parametrize("lines", [300, 1])
def test_S13_a_head_may_not_be_endless(gateway: Nginx, echo: Heard, lines: int) -> None:
    more = "".join(f"X-{n}: {'a' * (200 if lines > 1 else 40_000)}\r\n" for n in range(lines))
    found = send_raw(gateway, f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
    assert found[9:12] == b"400"
    assert echo.requests == []


def test_F20_a_slow_loris_is_hung_up_on_and_others_are_served(gateway: Nginx, echo: Heard) -> None:
    """A head that never ends holds its connection for ten seconds, and no service at all."""
    began = time.monotonic()
    dripping = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".encode()
    ends: list[float] = []

    def hold() -> None:
        send_raw(gateway, dripping, wait_s=20)
        ends.append(time.monotonic() - began)

    slow = [threading.Thread(target=hold) for _ in range(40)]
    for thread in slow:
        thread.start()
    answers = [ask(gateway, PATH).status for _ in range(20)]
    for thread in slow:
        thread.join()
    assert answers == [200] * 20
    assert len(echo.requests) == 20
    assert 9 < max(ends) < 15

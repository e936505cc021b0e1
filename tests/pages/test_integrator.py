"""The Bruno collection of the integrators' guide, run as it is against the running platform."""

import asyncio
import json
import os
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest
from standardwebhooks import Webhook

from benchmarks.campaign.api import Api
from services.embedded import ROOT
from shared.platform.embedded.certificates import LocalAuthority, Pair
from shared.platform.embedded.toolchain import ensure_api_tools, ensure_node
from tests.pages.browsing import ON_LOG
from tests.pages.campaign import Made

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]
COLLECTION = ROOT / "docs" / "api" / "bruno"


async def facts(place: Made, api: Api) -> dict[str, str]:
    """What a bank knows before it begins: its client, an outlet and a customer."""
    bank = {"institution_id": place.visiting_bank_id}
    client = await api.post(place.admin, "/identity/v1/clients", {"name": "核心系统", **bank})
    outlets = await api.get(place.head, "/registry/v1/outlets", **bank, limit=1)
    firms = await api.get(place.regulator, "/registry/v1/enterprises", limit=1)
    return {
        "clientId": client["client_id"],
        "clientSecret": client["client_secret"],
        "outletId": outlets["items"][0]["outlet_id"],
        "enterpriseId": firms["items"][0]["enterprise_id"],
        "uscc": firms["items"][0]["uscc"],
        "applicationId": str(uuid4()),
        "run": uuid4().hex[:8],
    }


async def test_the_collection_runs_from_token_to_reading_back_and_a_signed_ping(
    place: Made, api: Api, tmp_path: Path
) -> None:
    got: list[tuple[dict[str, str], bytes]] = []
    heard = threading.Event()

    class Bank(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()
            heard.set()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bank)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    known = await facts(place, api) | {
        "baseUrl": place.url,
        "webhookUrl": f"http://127.0.0.1:{server.server_address[1]}/yinqi",
    }
    report = tmp_path / "report.json"
    words = [word for name, value in known.items() for word in ("--env-var", f"{name}={value}")]
    try:
        run = await asyncio.create_subprocess_exec(
            str(ensure_node()),
            str(ensure_api_tools() / "bru"),
            *("run", "--env", "local", "--reporter-json", str(report), *words),
            cwd=COLLECTION,
            env=os.environ | {"NO_PROXY": "127.0.0.1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await run.communicate()
        assert run.returncode == 0, said.decode()
        (told,) = json.loads(report.read_text())
        assert told["summary"]["totalRequests"] == len(list(COLLECTION.glob("*.bru")))
        assert told["summary"]["failedAssertions"] == 0
        assert await asyncio.to_thread(heard.wait, 10)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    secret = next(
        each["response"]["data"]["secret"]
        for each in told["results"]
        if "secret" in (each["response"]["data"] or {})
    )
    headers, body = got[0]
    assert dict(Webhook(secret).verify(body, headers))["type"] == "Ping"


async def test_a_certificate_bound_token_is_worth_nothing_without_its_certificate(
    place: Made, api: Api
) -> None:
    """RFC 8705 through the gateway: TLS shows the certificate, the service compares it."""
    folder = place.home / "nginx"
    authority = LocalAuthority(folder / "certificates")
    mine, other = authority.client("core.bank-a.example"), authority.client("core.bank-b.example")
    made = await api.post(
        place.admin,
        "/identity/v1/clients",
        {
            "name": "双向 TLS",
            "institution_id": place.visiting_bank_id,
            "certificates": [mine.certificate.read_text()],
        },
    )
    form = {"grant_type": "client_credentials", "client_id": made["client_id"]}
    form["client_secret"] = made["client_secret"]
    cores = f"https://127.0.0.1:{json.loads((folder / 'ports.json').read_text())['nginx-cores']}"

    def speaking(pair: Pair) -> httpx2.AsyncClient:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        context.load_cert_chain(pair.certificate, pair.key)
        return httpx2.AsyncClient(base_url=cores, verify=context, trust_env=False)

    async with speaking(mine) as own, speaking(other) as stranger:
        answer = await own.post("/api/identity/v1/token", data=form)
        assert answer.status_code == 200, answer.text
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        reads = "/api/credit/v1/loans"
        assert (await own.get(reads, headers=bearer)).status_code == 200
        assert (await stranger.get(reads, headers=bearer)).status_code == 401
        async with httpx2.AsyncClient(base_url=place.url, trust_env=False) as plain:
            forged = bearer | {"X-Client-Cert": quote(mine.certificate.read_text())}
            assert (await plain.get(reads, headers=bearer)).status_code == 401
            assert (await plain.get(reads, headers=forged)).status_code == 401

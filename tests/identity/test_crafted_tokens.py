"""S09: tokens that were not signed by us for this service are worth nothing, at a real service."""

import base64
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from shared.platform.auth import ISSUER
from tests.identity.people import BANK, Browser, signed_in
from tests.support.stack import Stack

SERVICE = "reporting"
STRANGER = OKPKey.generate_key("Ed25519", {"kid": "stranger"})
EC = ECKey.import_key(ec.generate_private_key(ec.SECP256R1()))
RSA = RSAKey.import_key(rsa.generate_private_key(65537, 2048))
Json = dict[str, Any]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def part(value: Any) -> str:
    return b64(json.dumps(value).encode())


class Forge:
    """Knows everything that a caller may know: a good token, the public keys, the account's id."""

    def __init__(self, stack: Stack, good: str, public: Json) -> None:
        self.mint = stack.mint
        self.good = good
        self.public = public
        self.head, self.body, self.signature = good.split(".")
        self.claims: Json = json.loads(base64.urlsafe_b64decode(self.body + "=="))
        self.kid: str = json.loads(base64.urlsafe_b64decode(self.head + "=="))["kid"]

    def signed(self, key: Any, algorithm: str, head: Json | None = None, **changed: Any) -> str:
        """The good claims, some changed, under another key; a claim of None is left out."""
        claims = {k: v for k, v in (self.claims | changed).items() if v is not None}
        header = {"alg": algorithm, "kid": self.kid} | (head or {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jwt.encode(header, claims, key, algorithms=[algorithm])

    def ours(self, head: Json | None = None, **changed: Any) -> str:
        """A token signed by a key that the service trusts, with wrong claims."""
        return self.signed(self.mint._key, "Ed25519", {"kid": "test"} | (head or {}), **changed)

    def bare(self, head: Json, signature: str = "", **changed: Any) -> str:
        """Any header over the good claims, with any signature."""
        return f"{part(head)}.{part(self.claims | changed)}.{signature}"

    def hmac(self, secret: bytes, algorithm: str = "HS256") -> str:
        """Signed with a public key's bytes as if they were a shared secret."""
        kinds = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
        text = f"{part({'alg': algorithm, 'typ': 'JWT', 'kid': self.kid})}.{self.body}"
        return f"{text}.{b64(hmac.new(secret, text.encode(), kinds[algorithm]).digest())}"


def without_signature(f: Forge) -> Iterator[tuple[str, str]]:
    for name in ("none", "None", "NONE", "nOnE", "", "null", "plain"):
        yield f"alg {name!r}, no signature", f.bare({"alg": name, "typ": "JWT"})
        yield f"alg {name!r}, a real signature", f.bare({"alg": name}, f.signature)
    yield "no alg at all", f.bare({"typ": "JWT", "kid": f.kid}, f.signature)
    yield "alg a list", f.bare({"alg": ["Ed25519"], "kid": f.kid}, f.signature)
    yield "alg null", f.bare({"alg": None, "kid": f.kid}, f.signature)
    yield "signature cut off", f"{f.head}.{f.body}."
    yield "two parts", f"{f.head}.{f.body}"


def other_keys(f: Forge) -> Iterator[tuple[str, str]]:
    public = f.public["keys"][0]
    raw = base64.urlsafe_b64decode(public["x"] + "==")
    secrets = (
        raw,
        public["x"].encode(),
        json.dumps(public).encode(),
        json.dumps(f.public).encode(),
    )
    for n, secret in enumerate(secrets):
        yield f"HS256 with the public key, form {n}", f.hmac(secret)
    yield "HS384 with the public key", f.hmac(raw, "HS384")
    yield "HS512 with the public key", f.hmac(raw, "HS512")
    yield "HS256 with nothing", f.hmac(b"")
    yield "stranger's key, its own kid", f.signed(STRANGER, "Ed25519", {"kid": "stranger"})
    yield "stranger's key, our kid", f.signed(STRANGER, "Ed25519")
    yield "stranger's key, no kid", f.signed(STRANGER, "Ed25519", {"kid": ""})
    yield "stranger's key as EdDSA", f.signed(STRANGER, "EdDSA")
    yield "EC key", f.signed(EC, "ES256")
    yield "RSA key", f.signed(RSA, "RS256")
    yield "RSA-PSS key", f.signed(RSA, "PS256")


def pointed_elsewhere(f: Forge) -> Iterator[tuple[str, str]]:
    jwk = STRANGER.as_dict(private=False)
    for kid in (
        "../../keys/jwks.json",
        "/dev/null",
        "' or 1=1 --",
        "http://127.0.0.1/jwks",
        "\u0000",
    ):
        yield f"kid {kid!r}", f.signed(STRANGER, "Ed25519", {"kid": kid})
    for name, value in (
        ("jwk", jwk),
        ("jku", "http://127.0.0.1:9/jwks"),
        ("x5u", "http://127.0.0.1:9/cert"),
        ("x5c", ["MIIB"]),
    ):
        head = {"alg": "Ed25519", "kid": f.kid, name: value}
        text = f"{part(head)}.{f.body}"
        yield f"own key in {name}", f"{text}.{b64(STRANGER.raw_value.sign(text.encode()))}"
    head = {"alg": "Ed25519", "kid": f.kid, "crit": ["x"], "x": 1}
    yield "critical header nobody knows", f.bare(head, f.signature)


def wrong_claims(f: Forge) -> Iterator[tuple[str, str]]:
    now = int(time.time())
    yield "expired a second ago", f.ours(exp=now - 1)
    yield "expired a year ago", f.ours(exp=now - 31_536_000)
    yield "exp as text", f.ours(exp="tomorrow")
    yield "exp missing", f.ours(exp=None)
    yield "not yet valid", f.ours(nbf=now + 3600)
    yield "issued in the future", f.ours(iat=now + 3600)
    yield "another issuer", f.ours(iss="https://elsewhere.invalid")
    yield "issuer missing", f.ours(iss=None)
    yield "issuer a list", f.ours(iss=[ISSUER])
    yield "another service", f.ours(aud=["credit"])
    yield "the old audience", f.ours(aud="yinqi")
    yield "audience a prefix", f.ours(aud=["report"])
    yield "audience empty", f.ours(aud=[])
    yield "audience missing", f.ours(aud=None)
    yield "subject missing", f.ours(sub=None)
    yield "subject no id", f.ours(sub="admin")
    yield "subject of nobody", f.ours(sub=str(uuid4()))
    yield "bound to a certificate", f.ours(cnf={"x5t#S256": "A" * 43})
    yield "bound to something unknown", f.ours(cnf={"jkt": "A" * 43})


def tampered(f: Forge) -> Iterator[tuple[str, str]]:
    changed = f.claims | {"sub": str(uuid4())}
    yield "another subject under the old signature", f"{f.head}.{part(changed)}.{f.signature}"
    longer = f.claims | {"exp": f.claims["exp"] + 3600}
    yield "a longer life under the old signature", f"{f.head}.{part(longer)}.{f.signature}"
    flipped = bytearray(base64.urlsafe_b64decode(f.signature + "=="))
    for place in (0, 31, 32, 63):
        copy = bytearray(flipped)
        copy[place] ^= 1
        yield f"signature bit {place}", f"{f.head}.{f.body}.{b64(bytes(copy))}"
    yield "signature of zeros", f"{f.head}.{f.body}.{b64(bytes(64))}"
    yield "signature twice", f"{f.head}.{f.body}.{f.signature}.{f.signature}"
    yield "signature too long", f"{f.head}.{f.body}.{b64(bytes(flipped) + b'0')}"
    yield (
        "json instead of a token",
        json.dumps({"protected": f.head, "payload": f.body, "signature": f.signature}),
    )
    yield "an encrypted shape", f"{f.head}.{f.body}.{f.signature}.x.y"
    yield "empty parts", ".."
    yield "no token", "undefined"


FAMILIES: tuple[Callable[[Forge], Iterator[tuple[str, str]]], ...] = (
    without_signature,
    other_keys,
    pointed_elsewhere,
    wrong_claims,
    tampered,
)


@pytest.fixture
async def forge(stack: Stack) -> Forge:
    """A forge with a good token for the service, which is let in."""
    one: Browser = await signed_in(stack)
    good = (await one.authz(SERVICE)).headers["x-access-token"]
    client = stack._clients[SERVICE]
    account = UUID(one.account["account_id"])  # type: ignore[index]
    # The service has heard of the account.
    known = stack.mint.account("relationship_manager", account_id=account, institution_id=BANK)
    await known.keep(await stack.owner(SERVICE))
    assert (await ask(client, good)).status_code == 200
    public = (await stack._clients["identity"].get("/jwks")).json()
    return Forge(stack, good, public)


async def ask(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    headers = {b"authorization": b"Bearer " + token.encode("latin-1", "replace")}
    return await client.get("/lag", headers=list(headers.items()))


async def test_S09_no_crafted_token_is_accepted(stack: Stack, forge: Forge) -> None:
    client = stack._clients[SERVICE]
    crafted = [one for family in FAMILIES for one in family(forge)]
    assert (await ask(client, forge.ours())).status_code == 200, "the forge's own base is good"

    answers = {name: (await ask(client, token)).status_code for name, token in crafted}
    accepted = {name: status for name, status in answers.items() if status != 401}

    print(f"S09: {len(crafted)} crafted tokens, {len(accepted)} accepted")
    assert len(crafted) >= 60
    assert accepted == {}


async def test_S09_other_schemes_and_places_carry_no_token(stack: Stack, forge: Forge) -> None:
    client = stack._clients[SERVICE]
    tries: list[Json] = [
        {"headers": {"authorization": forge.good}},
        {"headers": {"authorization": f"Basic {forge.good}"}},
        {"headers": {"authorization": f"Token {forge.good}"}},
        {"headers": {"x-access-token": forge.good}},
        {"params": {"access_token": forge.good}},
        {"headers": {"cookie": f"access_token={forge.good}; yinqi_session={forge.good}"}},
    ]

    answers = [(await client.get("/lag", **one)).status_code for one in tries]

    assert answers == [401] * len(tries)


async def test_S09_a_token_for_another_service_is_refused_by_each(
    stack: Stack, forge: Forge
) -> None:
    for service in ("credit", "visits", "registry", "allocation", "identity"):
        answer = await stack._clients[service].get(
            "/jobs/x", headers={"authorization": f"Bearer {forge.good}"}
        )
        assert answer.status_code == 401, service

"""Machine clients: proof by key, key rotation, audiences, certificates; replay (S23)."""

import base64
import datetime as dt
import hashlib
import time
import warnings
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from tests.identity.people import BANK, OTHER_BANK
from tests.identity.test_sessions import claims
from tests.support.stack import Stack

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ENDPOINT = "http://127.0.0.1:8080/api/identity/v1/token"


def jwks(*keys: Any) -> dict[str, Any]:
    return dict(KeySet(list(keys)).as_dict(private=False))


def new_key(kid: str = "k1") -> Any:
    return OKPKey.generate_key("Ed25519", {"kid": kid})


async def opened(stack: Stack, **more: Any) -> dict[str, Any]:
    admin = stack.caller("identity", "platform_admin")
    body = {"name": "核心系统", "institution_id": str(BANK)} | more
    answer = await admin.post("/clients", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def assertion(client_id: str, key: Any, algorithm: str = "Ed25519", **changed: Any) -> str:
    now = int(time.time())
    said = {
        "iss": client_id,
        "sub": client_id,
        "aud": ENDPOINT,
        "iat": now,
        "exp": now + 120,
        "jti": uuid4().hex,
    } | changed
    said = {name: value for name, value in said.items() if value is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode({"alg": algorithm, "kid": key.kid}, said, key, algorithms=[algorithm])


async def token(
    stack: Stack, signed: str, headers: dict[str, str] | None = None, **more: Any
) -> httpx2.Response:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
    } | more
    return await stack._clients["identity"].post("/token", data=form, headers=headers or {})


async def test_a_client_proves_itself_by_its_key_and_has_no_secret(stack: Stack) -> None:
    key = new_key()
    client = await opened(stack, jwks=jwks(key))

    answer = await token(stack, assertion(client["client_id"], key))

    assert client["client_secret"] is None
    assert answer.status_code == 200, answer.text
    assert answer.json()["account"]["role"] == "bank_core"
    assert set(claims(answer.json()["access_token"])["aud"]) >= {"credit", "registry"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (new_key(), "EdDSA"),
        (ECKey.generate_key("P-256", {"kid": "k"}), "ES256"),
        (ECKey.generate_key("P-384", {"kid": "k"}), "ES384"),
        (RSAKey.generate_key(2048, {"kid": "k"}), "RS256"),
        (RSAKey.generate_key(2048, {"kid": "k"}), "PS256"),
    ],
)
async def test_keys_of_the_usual_kinds_are_taken(stack: Stack, key: Any, algorithm: str) -> None:
    client = await opened(stack, jwks=jwks(key))

    assert (await token(stack, assertion(client["client_id"], key, algorithm))).status_code == 200


async def test_S23_an_assertion_works_once(stack: Stack) -> None:
    key = new_key()
    client = await opened(stack, jwks=jwks(key))
    signed = assertion(client["client_id"], key)

    answers = [(await token(stack, signed)).status_code for _ in range(3)]

    assert answers == [200, 401, 401]
    told = await stack.rows(
        "identity", "select 1 from audit where action = 'client.assertion_replayed'"
    )
    assert len(told) == 2


async def test_S23_wrong_assertions_are_refused_with_one_answer(stack: Stack) -> None:
    key, now = new_key(), int(time.time())
    client = (await opened(stack, jwks=jwks(key)))["client_id"]
    other = (await opened(stack, jwks=jwks(new_key("k2"))))["client_id"]
    wrong = {
        "expired": assertion(client, key, exp=now - 1),
        "good for an hour": assertion(client, key, exp=now + 3600),
        "no end": assertion(client, key, exp=None),
        "no id": assertion(client, key, jti=None),
        "a short id": assertion(client, key, jti="1"),
        "for someone else": assertion(client, key, aud="https://elsewhere.invalid/token"),
        "for nobody": assertion(client, key, aud=None),
        "by another client": assertion(client, key, iss=other),
        "about another client": assertion(client, key, sub=other),
        "as another client": assertion(other, key),
        "of a client that is not": assertion("core-000000000000", key),
        "not yet": assertion(client, key, nbf=now + 600),
        "from the future": assertion(client, key, iat=now + 600),
        "another key": assertion(client, new_key()),
        "no signature": ".".join(assertion(client, key).split(".")[:2]) + ".",
        "no token": "x.y.z",
        "nothing in it": "",
    }

    answers = {name: await token(stack, signed) for name, signed in wrong.items()}

    assert {name: a.status_code for name, a in answers.items() if a.status_code != 401} == {}
    assert {(a.json()["code"], a.json()["error"]) for a in answers.values()} == {
        ("client.credentials", "invalid_client")
    }


async def test_two_keys_are_good_while_one_replaces_the_other(stack: Stack) -> None:
    old, new = new_key("old"), new_key("new")
    client = (await opened(stack, jwks=jwks(old)))["client_id"]
    bank = stack.caller("identity", "bank_head", institution_id=BANK)

    async def good() -> list[int]:
        return [(await token(stack, assertion(client, key))).status_code for key in (old, new)]

    before = await good()
    await bank("PUT", f"/clients/{client}/keys", json={"jwks": jwks(old, new)})
    during = await good()
    await bank("PUT", f"/clients/{client}/keys", json={"jwks": jwks(new)})

    assert (before, during, await good()) == ([200, 401], [200, 200], [401, 200])


async def test_keys_put_in_place_of_a_secret_void_it(stack: Stack) -> None:
    client, key = await opened(stack), new_key()
    admin = stack.caller("identity", "platform_admin")
    form = {
        "grant_type": "client_credentials",
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
    }
    before = await stack._clients["identity"].post("/token", data=form)

    await admin("PUT", f"/clients/{client['client_id']}/keys", json={"jwks": jwks(key)})

    assert before.status_code == 200
    assert (await stack._clients["identity"].post("/token", data=form)).status_code == 401
    assert (await token(stack, assertion(client["client_id"], key))).status_code == 200


async def test_another_bank_does_not_see_the_client(stack: Stack) -> None:
    client = (await opened(stack, jwks=jwks(new_key())))["client_id"]
    other = stack.caller("identity", "bank_head", institution_id=OTHER_BANK)

    answers = [
        await other("PUT", f"/clients/{name}/keys", json={"jwks": jwks(new_key())})
        for name in (client, "core-000000000000")
    ]

    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": []},
        {"keys": [{"kty": "OKP"}]},
        {"keys": "none"},
        {},
        {"keys": [OKPKey.generate_key("Ed25519").as_dict(private=True)]},
        {"keys": [OctKey.import_key("s" * 32).as_dict(private=True)]},
        {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [OKPKey.generate_key("Ed25519").as_dict(private=False)] * 5},
        {"keys": [OKPKey.generate_key("X25519").as_dict(private=False)]},
    ],
)
async def test_unfit_key_sets_are_refused(stack: Stack, wrong: dict[str, Any]) -> None:
    admin = stack.caller("identity", "platform_admin")
    body = {"name": "核心系统", "institution_id": str(BANK), "jwks": wrong}

    answer = await admin.post("/clients", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "client.keys")


async def test_a_token_names_the_services_that_were_asked_for(stack: Stack) -> None:
    key = new_key()
    client = (await opened(stack, jwks=jwks(key)))["client_id"]

    one = await token(stack, assertion(client, key), audience="credit")
    two = await token(
        stack,
        assertion(client, key),
        resource=["http://127.0.0.1:8080/api/credit/v1", "http://127.0.0.1:8080/api/registry/v1/"],
    )
    none = await token(stack, assertion(client, key), audience="elsewhere")

    assert claims(one.json()["access_token"])["aud"] == ["credit"]
    assert claims(two.json()["access_token"])["aud"] == ["credit", "registry"]
    assert (none.status_code, none.json()["error"]) == (400, "invalid_target")


async def test_other_grants_are_refused_as_oauth_wants_it(stack: Stack) -> None:
    form = {"grant_type": "password", "username": "x", "password": "y"}

    answer = await stack._clients["identity"].post("/token", data=form)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


async def test_a_disabled_client_gets_no_token(stack: Stack) -> None:
    key = new_key()
    client = await opened(stack, jwks=jwks(key))
    admin = stack.caller("identity", "platform_admin")

    await admin.post(f"/accounts/{client['account_id']}/disable")

    assert (await token(stack, assertion(client["client_id"], key))).status_code == 401


# -- certificates (RFC 8705) -----------------------------------------------------------------------


def certificate() -> tuple[str, str]:
    """A certificate in PEM, and its thumbprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "core.bank.invalid")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    der = made.public_bytes(serialization.Encoding.DER)
    digest = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    return made.public_bytes(serialization.Encoding.PEM).decode(), digest


async def test_a_token_asked_for_with_a_certificate_works_with_that_one_only(
    stack: Stack,
) -> None:
    key, (pem, digest), (other, _) = new_key(), certificate(), certificate()
    client = await opened(stack, jwks=jwks(key), certificates=[pem])
    shown = {"x-client-cert": quote(pem)}

    answer = await token(stack, assertion(client["client_id"], key), headers=shown)
    bound = answer.json()["access_token"]

    async def me(headers: dict[str, str]) -> int:
        authorization = {"authorization": f"Bearer {bound}"}
        return (
            await stack._clients["identity"].get("/me", headers=authorization | headers)
        ).status_code

    assert claims(bound)["cnf"] == {"x5t#S256": digest}
    assert await me(shown) == 200
    assert await me({}) == 401
    assert await me({"x-client-cert": quote(other)}) == 401
    assert await me({"x-client-cert": "rubbish"}) == 401
    assert await me(shown) == 200


async def test_a_client_with_registered_certificates_comes_with_one_of_them(
    stack: Stack,
) -> None:
    key, (pem, _), (other, _) = new_key(), certificate(), certificate()
    client = (await opened(stack, jwks=jwks(key), certificates=[pem]))["client_id"]

    bare = await token(stack, assertion(client, key))
    foreign = await token(stack, assertion(client, key), headers={"x-client-cert": quote(other)})

    assert (bare.status_code, foreign.status_code) == (401, 401)


async def test_discovery_tells_a_client_where_and_how(stack: Stack) -> None:
    http = stack._clients["identity"]

    about = (await http.get("/.well-known/openid-configuration")).json()
    keys = (await http.get("/jwks")).json()["keys"]

    assert about["token_endpoint"] == ENDPOINT
    assert about["jwks_uri"].endswith("/api/identity/v1/jwks")
    assert "private_key_jwt" in about["token_endpoint_auth_methods_supported"]
    assert all(key["kty"] == "OKP" and "d" not in key for key in keys)

"""Client assertions: how a bank's machine proves who it is without a shared secret (RFC 7523)."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from shared.kernel.errors import BadInput, Refused

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("Ed25519", "EdDSA", "ES256", "ES384", "PS256", "RS256")
MAX_SECONDS, SKEW_SECONDS = 300, 60
MAX_KEYS, MIN_RSA_BITS = 4, 2048


@dataclass(frozen=True, slots=True)
class Assertion:
    """A checked assertion; `jti` may be used once until `exp` (seconds since 1970)."""

    client_id: str
    jti: str
    exp: int


def refused() -> Refused:
    """The one answer to every wrong credential of a client."""
    return Refused("client.credentials", "客户端标识或凭据不正确", status=401)


def public_keys(jwks: Mapping[str, Any]) -> dict[str, Any]:
    """A client's key set as it is kept: public keys only, one to four.

    Raises: BadInput `client.keys`.
    """
    raw = jwks.get("keys")
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_KEYS:  # pyright: ignore[reportUnknownArgumentType]
        raise BadInput("client.keys", "公钥集须含 1 至 4 把公钥", "JWKS 的 keys 数组")
    try:
        keys = KeySet.import_key_set({"keys": raw})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput("client.keys", "公钥集无法读取", "应为 JWKS(RFC 7517)") from error
    for key in keys.keys:
        _must_be_fit(key)
    return dict(keys.as_dict(private=False))


def _must_be_fit(key: object) -> None:
    if not isinstance(key, OKPKey | ECKey | RSAKey):
        raise BadInput("client.keys", "只接受 Ed25519、EC P-256/P-384 或 RSA 公钥")
    if key.is_private:
        raise BadInput("client.keys", "请只提交公钥", "提交的 JWKS 含有私钥,该密钥应立即作废")
    if isinstance(key, RSAKey) and key.raw_value.key_size < MIN_RSA_BITS:
        raise BadInput("client.keys", f"RSA 公钥不得短于 {MIN_RSA_BITS} 位")


def claimed_client(assertion: str) -> str:
    """Whom an unchecked assertion says it comes from: only good for looking up the keys.

    Raises: Refused `client.credentials`.
    """
    try:
        _, payload, _ = assertion.split(".")
        claims = json.loads(_decoded(payload))
        return str(claims["sub"])
    except (ValueError, KeyError, TypeError) as error:
        raise refused() from error


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def check(
    assertion: str, *, client_id: str, keys: Mapping[str, Any], audiences: Sequence[str], unix: int
) -> Assertion:
    """Check signature and claims.

    Raises: Refused `client.credentials`.
    """
    try:
        token = jwt.decode(assertion, KeySet.import_key_set(dict(keys)), algorithms=[*ALGORITHMS])  # pyright: ignore[reportArgumentType]
    except (JoseError, ValueError, TypeError) as error:
        raise refused() from error
    claims = token.claims
    exp, jti = claims.get("exp"), claims.get("jti")
    aud = claims.get("aud")
    named = [aud] if isinstance(aud, str) else aud
    if not isinstance(exp, int) or not isinstance(jti, str) or not isinstance(named, list):
        raise refused()
    fits = (
        claims.get("iss") == claims.get("sub") == client_id
        and bool(set(audiences) & {str(one) for one in named})
        and unix < exp <= unix + MAX_SECONDS + SKEW_SECONDS
        and _not_ahead(claims.get("nbf"), unix)
        and _not_ahead(claims.get("iat"), unix)
        and 8 <= len(jti) <= 128
    )
    if not fits:
        raise refused()
    return Assertion(client_id, jti, exp)


def _not_ahead(value: object, unix: int) -> bool:
    return value is None or (isinstance(value, int | float) and value <= unix + SKEW_SECONDS)

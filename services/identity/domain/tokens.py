"""Access tokens: EdDSA-signed JWTs of a few minutes, for one service or for some.

A token says which account calls, never what it may do: that is read where it is used.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from shared.platform.auth import ALGORITHM, ISSUER


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token is to say.

    `audience` names services; `session_id` the session it came from; `certificate` the thumbprint
    (`x5t#S256`) of the client certificate that alone may use it.
    """

    account_id: UUID
    audience: Sequence[str]
    session_id: UUID | None = None
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """Holds the private key; `public` is what everyone may have.

    `others` are keys that sign no more, or not yet, and whose tokens are good all the same: two
    keys are valid at once while one replaces the other.
    """

    key: OKPKey
    others: tuple[OKPKey, ...] = ()

    @classmethod
    def from_text(cls, text: str, others: str | None = None) -> "Signer":
        """From a private key, as a JWK or in PEM; `others` likewise, or as a JWK set."""
        return cls(_key(text), _keys(others) if others else ())

    @classmethod
    def generate(cls) -> "Signer":
        """A new key, named by its thumbprint."""
        return cls(_named(OKPKey.generate_key("Ed25519")))

    @property
    def private_json(self) -> str:
        """The private JWK, for a file only its owner can read."""
        return json.dumps(self.key.as_dict(private=True))

    @property
    def public(self) -> dict[str, object]:
        """The key set that verifiers need."""
        return dict(KeySet([self.key, *self.others]).as_dict(private=False))

    def sign(self, grant: Grant, *, issued_at: int, lifetime_seconds: int) -> str:
        """A token for the grant; seconds since 1970."""
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": list(grant.audience),
            "sub": str(grant.account_id),
            "iat": issued_at,
            "exp": issued_at + lifetime_seconds,
        }
        if grant.session_id:
            claims["sid"] = str(grant.session_id)
        if grant.certificate:
            claims["cnf"] = {"x5t#S256": grant.certificate}
        header = {"alg": ALGORITHM, "kid": str(self.key.kid)}
        return jwt.encode(header, claims, self.key, algorithms=[ALGORITHM])


def _key(text: str) -> OKPKey:
    if text.lstrip().startswith("-----BEGIN"):
        return _named(OKPKey.import_key(text))
    return OKPKey.import_key(json.loads(text))


def _keys(text: str) -> tuple[OKPKey, ...]:
    if text.lstrip().startswith("-----BEGIN"):
        return (_key(text),)
    raw = json.loads(text)
    return tuple(OKPKey.import_key(one) for one in raw.get("keys", [raw]))


def _named(key: OKPKey) -> OKPKey:
    content = key.as_dict(private=key.is_private) | {"kid": key.thumbprint()}
    return OKPKey.import_key(content)

"""Access tokens: EdDSA-signed JWTs of a few minutes."""

import json
from dataclasses import dataclass

from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from services.identity.domain.model import Account
from shared.platform.auth import ALGORITHM, ISSUER
from shared.platform.settings import SERVICES


@dataclass(frozen=True, slots=True)
class Signer:
    """Holds the private key; `public` is what everyone may have."""

    key: OKPKey

    @classmethod
    def from_text(cls, text: str) -> "Signer":
        """From a private key, as a JWK or in PEM."""
        if not text.lstrip().startswith("-----BEGIN"):
            return cls(OKPKey.import_key(json.loads(text)))
        return cls._named(OKPKey.import_key(text))

    @classmethod
    def _named(cls, key: OKPKey) -> "Signer":
        content = key.as_dict(private=True) | {"kid": key.thumbprint()}
        return cls(OKPKey.import_key(content))

    @classmethod
    def generate(cls) -> "Signer":
        """A new key, named by its thumbprint."""
        return cls._named(OKPKey.generate_key("Ed25519"))

    @property
    def private_json(self) -> str:
        """The private JWK, for a file only its owner can read."""
        return json.dumps(self.key.as_dict(private=True))

    @property
    def public(self) -> dict[str, object]:
        """The key set that verifiers need."""
        return dict(KeySet([self.key]).as_dict(private=False))

    def sign(self, account: Account, *, issued_at: int, lifetime_seconds: int) -> str:
        """A token that says which account calls, for all services; seconds since 1970."""
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": list(SERVICES),
            "sub": str(account.account_id),
            "iat": issued_at,
            "exp": issued_at + lifetime_seconds,
        }
        header = {"alg": ALGORITHM, "kid": str(self.key.kid)}
        return jwt.encode(header, claims, self.key, algorithms=[ALGORITHM])

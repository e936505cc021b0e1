"""Tokens for tests, signed by a key of their own that the services under test are told to trust."""

import json
import time
from pathlib import Path
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from shared.contracts.identity import Role
from shared.platform.auth import ALGORITHM, AUDIENCE, ISSUER


class TokenMint:
    """Signs tokens as identity does, without a sign-in."""

    def __init__(self, folder: Path) -> None:
        self._key = OKPKey.generate_key("Ed25519", {"kid": "test"})
        self.jwks_file = folder / "jwks.json"
        self.jwks_file.write_text(json.dumps(KeySet([self._key]).as_dict(private=False)))

    def token(
        self,
        role: Role,
        *,
        account_id: UUID | None = None,
        institution_id: UUID | None = None,
        outlet_id: UUID | None = None,
        staff_id: UUID | None = None,
        region_code: str | None = None,
        lifetime_s: int = 3600,
    ) -> str:
        """A signed token for an account with this role and place."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(account_id or uuid4()),
            "iat": now,
            "exp": now + lifetime_s,
            "role": role,
            "institution_id": str(institution_id) if institution_id else None,
            "outlet_id": str(outlet_id) if outlet_id else None,
            "staff_id": str(staff_id) if staff_id else None,
            "region_code": region_code,
        }
        header = {"alg": ALGORITHM, "kid": "test"}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

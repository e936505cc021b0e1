"""Tokens: identity signs them, every service checks them itself.

EdDSA-signed JWTs of a few minutes' life. The public keys come from a file (embedded run) or from
identity's JWKS address; a signature that does not fit any known key makes the keys be read again.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.kernel.errors import Refused
from shared.platform.clock import monotonic, unix_now
from shared.platform.settings import PlatformSettings

ISSUER = "yinqi-identity"
ALGORITHM = "Ed25519"
CACHE_TOKENS = 20_000
RELOAD_SECONDS = 2.0


def unauthenticated(detail: str = "") -> Refused:
    """The error for a caller who is not, or no longer, signed in."""
    return Refused("access.unauthenticated", "请先登录", detail, status=401)


@dataclass(slots=True)
class TokenVerifier:
    """Turns a bearer token into the account it stands for.

    `service` is the audience that a token must name: one for another service is worth nothing here.
    """

    settings: PlatformSettings
    service: str
    _keys: KeySet | None = None
    _loaded_at: float = 0.0
    _known: dict[str, tuple[int, UUID]] = field(default_factory=dict[str, tuple[int, UUID]])

    async def account_id(self, token: str) -> UUID:
        """The account of a valid token.

        Raises: Refused `access.unauthenticated`, for a token that is malformed, expired, meant for
        another service or not signed by a known key.
        """
        known = self._known.get(token)
        if known and known[0] > unix_now():
            return known[1]
        claims = await self._claims(token)
        try:
            account_id = UUID(str(claims["sub"]))
        except ValueError as error:
            raise unauthenticated("sub") from error
        if len(self._known) >= CACHE_TOKENS:
            self._known.clear()
        self._known[token] = (int(str(claims["exp"])), account_id)
        return account_id

    async def _claims(self, token: str) -> dict[str, object]:
        try:
            return self._check(token, await self._key_set())
        except (JoseError, ValueError) as error:
            if monotonic() - self._loaded_at < RELOAD_SECONDS:
                raise unauthenticated(type(error).__name__) from error
        try:
            return self._check(token, await self._key_set(reload=True))
        except (JoseError, ValueError) as error:
            raise unauthenticated(type(error).__name__) from error

    def _check(self, token: str, keys: KeySet) -> dict[str, object]:
        decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
        rules = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": self.service},
            exp={"essential": True},
            sub={"essential": True},
        )
        rules.validate(decoded.claims)
        return decoded.claims

    async def _key_set(self, *, reload: bool = False) -> KeySet:
        if self._keys is None or reload:
            self._keys = KeySet.import_key_set(await self._fetch())
            self._loaded_at = monotonic()
        return self._keys

    async def _fetch(self) -> Any:
        if self.settings.jwks_file:
            path: Path = self.settings.jwks_file
            return json.loads(path.read_text())
        if self.settings.jwks_url:
            async with httpx2.AsyncClient(timeout=5) as client:
                answer = await client.get(self.settings.jwks_url)
                return answer.raise_for_status().json()
        raise LookupError("neither YINQI_JWKS_FILE nor YINQI_JWKS_URL is set")

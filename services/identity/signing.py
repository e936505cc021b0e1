"""The signing key: from settings, or made once in the key folder, beside its public half."""

import json
from functools import lru_cache
from pathlib import Path

from services.identity.domain.tokens import Signer
from services.identity.settings import Settings


def signer_of(settings: Settings) -> Signer:
    """The signer this process uses."""
    return _signer(settings.key_dir, settings.signing_key)


@lru_cache(maxsize=4)
def _signer(key_dir: Path, signing_key: str | None) -> Signer:
    if signing_key:
        return Signer.from_text(signing_key)
    ensure_key(key_dir)
    return Signer.from_text((key_dir / "signing_key.json").read_text())


def ensure_key(key_dir: Path) -> Path:
    """Make the key where there is none; where the public key set stands."""
    return _ensure(key_dir / "signing_key.json", key_dir / "jwks.json")[1]


def ensure_audit_key(key_dir: Path) -> Path:
    """Make the key that signs the heads of the audit trails; where its private half stands.

    Another key than the tokens': whoever runs a service's workers has it, nobody else.
    """
    return _ensure(key_dir / "audit_key.json", key_dir / "audit_public.json")[0]


def _ensure(private: Path, public: Path) -> tuple[Path, Path]:
    if not private.exists() or not public.exists():
        private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        signer = Signer.generate()
        private.touch(mode=0o600)
        private.write_text(signer.private_json)
        public.write_text(json.dumps(signer.public))
    return private, public

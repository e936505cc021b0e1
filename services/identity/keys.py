"""The keys of identity: from settings, or made once in the key folder.

`signing_key.json` is the private key that signs, `jwks.json` the public halves that are valid now.
A rotation puts a new key beside the old one; tokens of both are good until the next rotation.
"""

import json
import os
import time
from functools import lru_cache
from pathlib import Path

from services.identity.domain.sealing import Sealer, new_key
from services.identity.domain.tokens import Signer
from services.identity.settings import Settings
from shared.kernel.errors import Conflict
from shared.platform.clock import monotonic

#: A new key signs only once every verifier that reads the key set now would find it there.
ADOPT_SECONDS = 5.0
#: Tokens of the key that a rotation drops must have ended.
BETWEEN_ROTATIONS_SECONDS = 900.0
_LOOK_SECONDS = 1.0


def signer_of(settings: Settings) -> Signer:
    """The signer this process uses now."""
    if settings.signing_key:
        return _given(settings.signing_key, settings.other_signing_keys)
    return _folder(settings.key_dir).signer()


@lru_cache(maxsize=4)
def _given(text: str, others: str | None) -> Signer:
    return Signer.from_text(text, others)


@lru_cache(maxsize=4)
def _folder(key_dir: Path) -> "KeyFolder":
    return KeyFolder(key_dir)


def sealer_of(settings: Settings) -> Sealer:
    """What seals second factors and WeChat's tokens."""
    if settings.seal_keys:
        return Sealer.from_text(settings.seal_keys)
    path = settings.key_dir / "seal_key"
    if not path.exists():
        settings.key_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, new_key())
    return Sealer.from_text(path.read_text())


def ensure_key(key_dir: Path) -> Path:
    """Make the signing key where there is none; where the public key set stands."""
    private, public = key_dir / "signing_key.json", key_dir / "jwks.json"
    if not private.exists() or not public.exists():
        key_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        signer = Signer.generate()
        _write(private, signer.private_json)
        _write(public, json.dumps(signer.public))
    return public


def rotate(key_dir: Path) -> str:
    """Put a new signing key beside the present one; the new key's id.

    Raises: Conflict `key.rotated_lately`: a third key would end tokens that are still good.
    """
    ensure_key(key_dir)
    private, previous = key_dir / "signing_key.json", key_dir / "previous_key.json"
    if previous.exists() and time.time() - previous.stat().st_mtime < BETWEEN_ROTATIONS_SECONDS:
        raise Conflict("key.rotated_lately", "签名密钥刚刚轮换过", "请在 15 分钟后再轮换")
    old = private.read_text()
    fresh = Signer(Signer.generate().key, (Signer.from_text(old).key,))
    _write(key_dir / "jwks.json", json.dumps(fresh.public))
    _write(previous, old)
    _write(private, fresh.private_json)
    return str(fresh.key.kid)


def _write(path: Path, text: str) -> None:
    """Put a file that only its owner can read in place of the old one, whole."""
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


class KeyFolder:
    """Reads the folder's keys again when they change."""

    def __init__(self, key_dir: Path) -> None:
        self._dir = key_dir
        self._looked_at = 0.0
        self._stamp = 0
        self._signer: Signer | None = None

    def signer(self) -> Signer:
        """The signer to use now; a key younger than some seconds lets the one before it sign."""
        if self._signer is None or monotonic() - self._looked_at > _LOOK_SECONDS:
            self._look()
            self._looked_at = monotonic()
        assert self._signer is not None  # just read
        return self._signer

    def _look(self) -> None:
        ensure_key(self._dir)
        private, previous = self._dir / "signing_key.json", self._dir / "previous_key.json"
        made_at = private.stat().st_mtime_ns
        old = previous.read_text() if previous.exists() else None
        settled = time.time() - made_at / 1e9 > ADOPT_SECONDS or old is None
        if self._signer is None or self._stamp != (made_at if settled else -made_at):
            new = private.read_text()
            first, second = (new, old) if settled else (old or new, new)
            self._signer = Signer.from_text(first, second)
            self._stamp = made_at if settled else -made_at

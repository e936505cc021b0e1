"""Personal data at rest: sealed under a key of its own per subject, so that it can be forgotten.

Each subject (an enterprise's persons, a member of staff, an uploaded sheet) has a random data key.
The data lie as AES-256-GCM boxes; the key lies apart, wrapped by a master key that is in no
database. Who destroys the key destroys every copy of the data, in backups too.

Two master keys may be valid at once: the first of the ring wraps, every one of them unwraps.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.errors import YinqiError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
MAC_BYTES: Final = 16
#: Setting → what stands before the key in its file.
_FILES: Final = {
    "REGISTRY_MASTER_KEYS": "m1 ",
    "REGISTRY_PHONE_INDEX_KEY": "",
    "VISITS_MASTER_KEYS": "m1 ",
}
_DRAWN: Final = KEY_BYTES + 2 * NONCE_BYTES


class VaultClosed(YinqiError):
    """The data cannot be opened here: the master key is missing, or a box was tampered with."""

    default_status = 503


class Wrapped(NamedTuple):
    """A data key as stored: which master key wraps it, and the wrapped bytes."""

    master: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Keyring:
    """The master keys by their id, the one that wraps first; and the key of look-ups by phone."""

    masters: Mapping[str, bytes]
    index_key: bytes

    @classmethod
    def parse(cls, masters: str, index_key: str = "") -> Self:
        """Read `ID BASE64` lines and a base64 key, 32 bytes each; without it nothing is looked up.

        Raises: ValueError, naming the line but never the key.
        """
        ring: dict[str, bytes] = {}
        for number, line in enumerate(masters.strip().splitlines(), 1):
            name, _, key = line.strip().partition(" ")
            ring[name] = _key(key, f"master key in line {number}")
        if not 1 <= len(ring) <= 2:
            raise ValueError("there must be one master key, or two while they are rotated")
        return cls(ring, _key(index_key, "index key") if index_key else b"")

    @property
    def current(self) -> str:
        """The id of the master key that wraps."""
        return next(iter(self.masters))

    def seal_new(self, subjects: Iterable[tuple[UUID, bytes]]) -> list[tuple[Wrapped, bytes]]:
        """For subjects without a key: a fresh key each, wrapped, and the box of what is given.

        All randomness is drawn in one call: by the hundred thousand, calls cost more than AES.
        """
        pairs = list(subjects)
        name = self.current
        master = _cipher(self.masters[name])
        drawn = memoryview(os.urandom(len(pairs) * _DRAWN))
        sealed: list[tuple[Wrapped, bytes]] = []
        for number, (subject, plain) in enumerate(pairs):
            at = number * _DRAWN
            key = bytes(drawn[at : at + KEY_BYTES])
            wrap_nonce = bytes(drawn[at + KEY_BYTES : at + KEY_BYTES + NONCE_BYTES])
            box_nonce = bytes(drawn[at + KEY_BYTES + NONCE_BYTES : at + _DRAWN])
            bound = subject.bytes
            wrapped = wrap_nonce + master.encrypt(wrap_nonce, key, bound)
            box = box_nonce + AESGCM(key).encrypt(box_nonce, plain, bound)
            sealed.append((Wrapped(name, wrapped), box))
        return sealed

    def new_key(self, subject: UUID) -> tuple[bytes, Wrapped]:
        """A fresh data key of a subject, plain and wrapped."""
        key = os.urandom(KEY_BYTES)
        return key, self.wrap(subject, key)

    def wrap(self, subject: UUID, key: bytes) -> Wrapped:
        """A data key under the current master key, bound to its subject."""
        name = self.current
        return Wrapped(name, _seal(_cipher(self.masters[name]), key, subject.bytes))

    def unwrap(self, subject: UUID, stored: Wrapped) -> bytes:
        """A subject's data key.

        Raises: VaultClosed `vault.master_key_missing`, `vault.tampered`.
        """
        master = self.masters.get(stored.master)
        if master is None:
            raise VaultClosed(
                "vault.master_key_missing", "缺少主密钥,个人信息暂时无法读取", stored.master
            )
        return _open(_cipher(master), stored.wrapped, subject.bytes)

    def mac(self, text: str) -> bytes:
        """What stands for a text in a look-up: without the index key it cannot be guessed back."""
        return hmac.digest(self.index_key, text.encode(), "sha256")[:MAC_BYTES]


def seal(key: bytes, plain: bytes, *, bound_to: bytes) -> bytes:
    """A box of `plain` that opens only with the key and the same `bound_to`."""
    return _seal(AESGCM(key), plain, bound_to)


def open_box(key: bytes, box: bytes, *, bound_to: bytes) -> bytes:
    """What is in a box.

    Raises: VaultClosed `vault.tampered`.
    """
    return _open(AESGCM(key), box, bound_to)


def _seal(cipher: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound_to)


def _open(cipher: AESGCM, box: bytes, bound_to: bytes) -> bytes:
    try:
        return cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise VaultClosed("vault.tampered", "密文与密钥不符,个人信息无法读取") from error


@lru_cache(maxsize=4)
def _cipher(master: bytes) -> AESGCM:
    return AESGCM(master)


def _key(text: str, what: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise ValueError(f"the {what} is not base64") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"the {what} must have {KEY_BYTES} bytes")
    return key


def fresh_key() -> str:
    """A new random key as base64."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def ensure_keys(folder: Path) -> dict[str, str]:
    """Make the vaults' keys where there are none; the settings that name their files."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings: dict[str, str] = {}
    for setting, name in _FILES.items():
        path = folder / setting.lower()
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(f"{name}{fresh_key()}\n")
        settings[f"{setting}_FILE"] = str(path)
    return settings

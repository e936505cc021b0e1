"""Secrets that must be read back are kept sealed: AES-256-GCM under keys from the settings.

The first key seals, all of them open: a new one is put in front, the old one stays until nothing
is sealed with it any more.
"""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NAME, _NONCE = 4, 12


class Unsealable(ValueError):
    """Sealed with a key that is not given, for another purpose, or changed since."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and opens; `purpose` binds what is sealed to its place."""

    keys: tuple[bytes, ...]

    @classmethod
    def from_text(cls, text: str) -> "Sealer":
        """From base64 keys of 32 bytes, separated by commas.

        Raises: ValueError.
        """
        try:
            keys = tuple(base64.b64decode(part.strip(), validate=True) for part in text.split(","))
        except binascii.Error as error:
            raise ValueError("a sealing key is 32 bytes in base64") from error
        if any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("a sealing key is 32 bytes in base64")
        return cls(keys)

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """The sealed form."""
        key, nonce = self.keys[0], secrets.token_bytes(_NONCE)
        return _name(key) + nonce + AESGCM(key).encrypt(nonce, plain, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed.

        Raises: Unsealable.
        """
        name, nonce, rest = sealed[:_NAME], sealed[_NAME : _NAME + _NONCE], sealed[_NAME + _NONCE :]
        for key in self.keys:
            if _name(key) == name:
                try:
                    return AESGCM(key).decrypt(nonce, rest, purpose.encode())
                except InvalidTag as error:
                    raise Unsealable("changed, or for another purpose") from error
        raise Unsealable("no such key")


def new_key() -> str:
    """A fresh key in the settings' form."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"yinqi-seal" + key).digest()[:_NAME]

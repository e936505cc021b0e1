"""The second factor: time-based one-time codes (RFC 6238: SHA-1, six digits, thirty seconds)."""

import base64
import hmac
import secrets
import struct
from urllib.parse import quote

STEP_SECONDS = 30
DIGITS = 6
#: Steps that a phone's clock may be off, to either side.
DRIFT = 1
ISSUER = "银企平台"


def new_secret() -> bytes:
    """160 random bits, as RFC 4226 asks for."""
    return secrets.token_bytes(20)


def code_at(secret: bytes, step: int) -> str:
    """The code of a time step (seconds since 1970, divided by thirty)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: bytes, code: str, *, unix: int, after: int) -> int | None:
    """The step a code stands for; None where it fits none, or none later than `after`.

    A step is good once: who reads the code over a shoulder comes too late.
    """
    now = unix // STEP_SECONDS
    given = code.strip().encode()
    found: int | None = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), given) and step > after:
            found = step
    return found


def address(secret: bytes, username: str) -> str:
    """The `otpauth:` address that an authenticator app reads from a QR code."""
    label = quote(f"{ISSUER}:{username}")
    return f"otpauth://totp/{label}?secret={base32(secret)}&issuer={quote(ISSUER)}"


def base32(secret: bytes) -> str:
    """The secret as people type it."""
    return base64.b32encode(secret).decode()


def new_recovery_codes(count: int = 10) -> list[str]:
    """Codes for a lost phone, each good once; 50 random bits."""
    letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    return ["".join(secrets.choice(letters) for _ in range(10)) for _ in range(count)]

"""Passwords (argon2id), activation codes and machine secrets (random, kept as SHA-256)."""

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from shared.kernel.errors import BadInput, FieldError

MIN_LENGTH = 10
# OWASP's smallest argon2id setting: 19 MiB, two passes; about 25 ms on one core.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
#: A hash of nothing anyone knows: an unknown name must take as long as a wrong password.
NOBODY = _HASHER.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    """The stored form of a password.

    Raises: BadInput `account.password_weak`.
    """
    if len(password) < MIN_LENGTH or len(set(password)) < 5:
        message = f"至少 {MIN_LENGTH} 个字符,且不可过于重复"
        error = FieldError("password", "account.password_weak", message)
        raise BadInput("account.password_weak", "密码强度不足", message, errors=[error])
    return _HASHER.hash(password)


def password_fits(password: str, stored: str | None) -> bool:
    """True where `password` is the one behind `stored`; takes as long where there is none."""
    try:
        return _HASHER.verify(stored or NOBODY, password) and stored is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def new_secret() -> str:
    """A machine secret or refresh token of 256 random bits."""
    return secrets.token_urlsafe(32)


def new_activation_code() -> str:
    """Ten characters that are easy to read out; 50 random bits, good for one use within days."""
    return "".join(secrets.choice("23456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(10))


def digest(secret: str) -> bytes:
    """How a random secret is kept: it has too much entropy to be guessed from its hash."""
    return hashlib.sha256(secret.encode()).digest()


def same(left: bytes | None, right: bytes) -> bool:
    """Compare digests in constant time."""
    return left is not None and secrets.compare_digest(left, right)

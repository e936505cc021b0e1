"""Identity's settings."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """`signing_key` is a private Ed25519 key, JWK or PEM; without it one is made in `key_dir`.

    `admin_password` opens the first account, `admin`, where there is none.
    """

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", extra="ignore")

    key_dir: Path = Path("keys")
    signing_key: str | None = None
    admin_password: str | None = None
    access_token_seconds: int = 300
    refresh_token_days: int = 14
    activation_days: int = 14
    secure_cookie: bool = False

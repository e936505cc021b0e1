"""Identity's settings."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings, deployed


class Settings(ServiceSettings):
    """Keys, sessions, and the addresses of those who sign people in elsewhere.

    `signing_key` is a private Ed25519 key, JWK or PEM; `other_signing_keys` are published beside
    it: the next one before it signs, the last one until its tokens have ended. `seal_keys` are
    base64 keys of 32 bytes, separated by commas; the first seals. Without them keys are made in
    `key_dir`. `admin_password` opens the first account, `admin`, where there is none.
    `public_url` is where browsers and banks find the gateway. `secure_cookie` is off only for runs
    over plain HTTP on loopback. Empty `wechat_app_id` or `oidc_issuer`: that sign-in is off.
    """

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", extra="ignore")

    key_dir: Path = Path("keys")
    signing_key: str | None = deployed(None)
    other_signing_keys: str | None = None
    seal_keys: str | None = deployed(None)
    admin_password: str | None = deployed(None)
    public_url: str = deployed("http://127.0.0.1:8080")
    secure_cookie: bool = True
    require_totp: bool = True
    access_token_seconds: int = 300
    session_idle_seconds: int = 1_800
    session_seconds: int = 43_200
    refresh_token_days: int = 14
    activation_days: int = 14
    binding_days: int = 7

    wechat_app_id: str = ""
    wechat_secret: str = ""
    wechat_open_url: str = "https://open.weixin.qq.com"
    wechat_api_url: str = "https://api.weixin.qq.com"

    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_scope: str = "openid profile"
    oidc_claim: str = "preferred_username"

    @property
    def base(self) -> str:
        """Where browsers find identity's API; also its name as an issuer for banks' clients."""
        return f"{self.public_url.rstrip('/')}/api/identity/v1"

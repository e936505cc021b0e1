"""Settings of the credit service."""

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings, deployed


class Settings(ServiceSettings):
    """Where events may be pushed to (`webhook_rules.Rules`); without a key, nowhere.

    `webhook_hosts` and `webhook_networks` are lists separated by blanks.
    """

    model_config = SettingsConfigDict(env_prefix="CREDIT_", extra="ignore")

    webhook_key: str | None = deployed(None)
    webhook_hosts: str = ""
    webhook_networks: str = ""
    webhook_loopback: bool = False

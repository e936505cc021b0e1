"""Settings of reporting, from `REPORTING_*`."""

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings


class ReportingSettings(ServiceSettings):
    """Its database and port; `rebuild_processes` fold side by side during a rebuild."""

    model_config = SettingsConfigDict(env_prefix="REPORTING_", extra="ignore")

    port: int = 8006
    rebuild_processes: int = 2

"""Reporting put together."""

from services.reporting.api.routes import router
from services.reporting.consumers import CONSUMER
from services.reporting.settings import ReportingSettings
from shared.platform.approvals import approvals_consumer
from shared.platform.service import Service

SERVICE = Service(
    name="reporting",
    title="Reporting: figures and bulletins",
    settings=ReportingSettings,
    router=router,
    consumers=(CONSUMER, approvals_consumer("reporting")),
)

"""The credit service."""

from services.credit.api.routes import router
from services.credit.consumers import CONSUMER
from services.credit.settings import Settings
from shared.platform.service import Service

SERVICE = Service(
    name="credit",
    title="Credit: applications, lines, loans and the money moved under them",
    settings=Settings,
    router=router,
    consumers=(CONSUMER,),
)

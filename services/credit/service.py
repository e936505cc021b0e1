"""The credit service."""

from services.credit.api.routes import router
from services.credit.consumers import CONSUMER
from services.credit.settings import Settings
from shared.platform.approvals import approvals_consumer
from shared.platform.database import Database
from shared.platform.service import Service
from shared.platform.settings import ServiceSettings
from shared.platform.webhook_rules import Rules
from shared.platform.webhook_sender import Sender


async def _push_events(database: Database, settings: ServiceSettings) -> None:
    rules = Rules.of(settings)
    if rules.key:
        await Sender(database, rules).run()


SERVICE = Service(
    name="credit",
    title="Credit: applications, lines, loans and the money moved under them",
    settings=Settings,
    router=router,
    consumers=(CONSUMER, approvals_consumer("credit")),
    loops=(_push_events,),
)

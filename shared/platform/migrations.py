"""What migrations are written with."""

from typing import Any

from alembic import op
from sqlalchemy.util import await_only


def run_sql(script: str) -> None:
    """Run a script of several statements in the migration's transaction.

    The driver prepares what SQLAlchemy sends it, which allows one statement only; a script goes
    to the driver as it is.
    """
    driver: Any = op.get_bind().connection.driver_connection
    await_only(driver.execute(script))

"""What migrations are written with."""

from typing import Any

from alembic import op
from sqlalchemy import Connection
from sqlalchemy.util import await_only


def run_sql(script: str) -> None:
    """Run a script of several statements in the migration's transaction."""
    execute_script(op.get_bind(), script)


def execute_script(connection: Connection, script: str) -> None:
    """Run a script of several statements in the connection's transaction.

    The driver prepares what SQLAlchemy sends it, which allows one statement only; a script goes
    to the driver as it is.
    """
    driver: Any = connection.connection.driver_connection
    await_only(driver.execute(script))

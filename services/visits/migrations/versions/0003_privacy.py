"""Who was met, and the note, are sealed under a key per enterprise that lies apart."""

from typing import Any

import msgspec
from alembic import op
from sqlalchemy.util import await_only

from services.visits.store.privacy import Private, keyring
from shared.platform.migrations import run_sql
from shared.platform.vault import seal
from shared.platform.vault_keys import DATA_KEY_UP

revision = "0003"
down_revision = "0002"

TABLES = f"""
{DATA_KEY_UP}
alter table visit add column private_box bytea;
"""


def upgrade() -> None:
    """Seal what lay open, then drop it."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
    driver: Any = op.get_bind().connection.driver_connection
    rows = await_only(
        driver.fetch(
            "select visit_id, enterprise_id, interviewee_name, note from visit"
            " where interviewee_name is not null or note is not null"
        )
    )
    keys: dict[Any, bytes] = {}
    wrapped: list[tuple[Any, ...]] = []
    boxes: list[tuple[Any, bytes]] = []
    for visit_id, enterprise_id, name, note in rows:
        if enterprise_id not in keys:
            keys[enterprise_id], new = keyring().new_key(enterprise_id)
            wrapped.append((enterprise_id, "visit", *new))
        words = msgspec.msgpack.encode(Private(name, note))
        boxes.append((visit_id, seal(keys[enterprise_id], words, bound_to=visit_id.bytes)))
    if boxes:
        await_only(
            driver.copy_records_to_table(
                "data_key",
                records=wrapped,
                columns=["subject_id", "kind", "master", "wrapped"],
            )
        )
        await_only(
            driver.executemany("update visit set private_box = $2 where visit_id = $1", boxes)
        )
    run_sql("alter table visit drop column interviewee_name, drop column note")

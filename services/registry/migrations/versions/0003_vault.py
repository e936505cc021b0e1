"""The vault: persons sealed, keys apart, reveals with a budget, erasure, uploads under keys."""

from typing import Any

from alembic import op
from sqlalchemy.util import await_only

from services.registry.store.persons import Person, Subject, copy_in, keyring
from shared.platform.migrations import run_sql
from shared.platform.vault_keys import DATA_KEY_UP

revision = "0003"
down_revision = "0002"

TABLES = f"""
{DATA_KEY_UP}
alter table person_data rename to person_plain;
create table person_data (subject_id uuid primary key, box bytea not null, phone_mac bytea);
create index person_by_phone on person_data (phone_mac) where phone_mac is not null;

-- Who looked at whose data, and why; what the caller wrote is sealed with the subject's key.
create table reveal (reveal_id uuid primary key, subject_id uuid not null, account_id uuid not null,
    role text not null, institution_id uuid, purpose text not null, reason_box bytea,
    at timestamptz not null, ends_at timestamptz not null);
create index reveal_by_subject on reveal (subject_id, at desc);
create table reveal_day (account_id uuid not null, day date not null, used int not null,
    primary key (account_id, day));
create table reveal_alarm (account_id uuid not null, day date not null, role text not null,
    institution_id uuid, at timestamptz not null, primary key (account_id, day));

-- Uploaded sheets lie sealed in the folder, each under its own key in data_key.
create table upload (upload_id uuid primary key, digest text not null unique, size bigint not null,
    stored_at timestamptz not null);

create table erasure (erasure_id uuid primary key, subject_id uuid not null, kind text not null,
    basis text not null, state text not null default 'requested', requested_by text not null,
    requested_at timestamptz not null, decided_by text, decided_at timestamptz, receipt jsonb);
create unique index erasure_open on erasure (subject_id) where state = 'requested';
create index erasure_done on erasure (subject_id) where state = 'approved';
"""


def upgrade() -> None:
    """Create the tables and seal what lay open."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
    driver: Any = op.get_bind().connection.driver_connection
    sql = "select subject_id, name, phone, exists (select from staff s where s.staff_id = subject_id) from person_plain"
    plain = await_only(driver.fetch(sql))
    if plain:
        subjects = [
            Subject(row[0], "staff" if row[3] else "enterprise", Person(row[1], row[2]))
            for row in plain
        ]
        await_only(copy_in(driver, keyring(), subjects))
    run_sql("drop table person_plain")

"""Imports, enterprises with their dated slices, lists, banks, and who may see whom."""

from shared.platform.migrations import run_sql
from shared.platform.tables import PLATFORM_UP

revision = "0001"
down_revision = None

TABLES = """
create extension if not exists pg_trgm;

create table import (import_id uuid primary key, kind text not null, file_name text not null,
    digest text not null, suffix text not null, sheet text not null default '',
    list_vintage text, valid_from date not null, dry_run boolean not null,
    account_id uuid, role text, institution_id uuid, job_id uuid,
    state text not null default 'queued', baseline text, sheet_read text,
    columns jsonb, rows int, blank int not null default 0, skipped jsonb,
    dropped int, error jsonb, names_found boolean not null default true, created_at timestamptz not null, finished_at timestamptz);
create index import_names on import (import_id) where not names_found;
create index import_by_time on import (created_at desc);
create table import_chunk (import_id uuid not null, n int not null, rows int not null,
    taken int not null, refused int not null, doubtful int not null, new int not null,
    changed int not null, unchanged int not null, primary key (import_id, n));
create table import_row (import_id uuid not null, row_no int not null, outcome text not null,
    change text not null, key text not null, reasons jsonb, primary key (import_id, row_no));
create index import_row_rejected on import_row (import_id, outcome, row_no)
    where outcome <> 'taken';

create table enterprise (enterprise_id uuid primary key, uscc text collate "C" not null unique,
    name text not null, registration_no text not null, founded_on date,
    registered_address text not null, business_address text not null,
    region_code text collate "C" not null, longitude_e6 int not null, latitude_e6 int not null,
    precision text not null, industry_code text, has_loan boolean, employees int, list_vintage text not null,
    digest bytea not null, version int not null default 1);
create index enterprise_by_region on enterprise (region_code, uscc);
-- Searched by fragments of the name; filled behind each import, so that imports stay quick.
create table enterprise_name (enterprise_id uuid primary key, name text not null);
create index enterprise_name_fragments on enterprise_name using gin (name gin_trgm_ops);
create table enterprise_slice (enterprise_id uuid not null, valid_from date not null,
    region_code text not null, longitude_e6 int not null, latitude_e6 int not null,
    precision text not null, industry_code text, address text not null, reason text not null,
    recorded_at timestamptz not null, primary key (enterprise_id, valid_from));
create table list_member (list_vintage text collate "C" not null, enterprise_id uuid not null,
    import_id uuid not null, row_no int not null, digest bytea not null,
    region_code text not null, industry_code text, has_loan boolean, employees int,
    revenue_fen bigint, rd_fen bigint, primary key (list_vintage, enterprise_id));
-- The only table with persons in it: legal representatives, contacts and bank staff.
create table person_data (subject_id uuid primary key, name text not null, phone text not null);

create table institution (institution_id uuid primary key, code text not null unique,
    name text not null, institution_type text not null, uscc text not null default '',
    active boolean not null default true, valid_from date not null, digest bytea not null);
create table outlet (outlet_id uuid primary key, institution_id uuid not null,
    code text not null, name text not null, address text not null, region_code text not null,
    longitude_e6 int not null, latitude_e6 int not null, precision text not null,
    relationship_managers int not null, service_capacity int,
    active boolean not null default true, valid_from date not null, digest bytea not null,
    unique (institution_id, code));
create index outlet_by_region on outlet (region_code);
create table staff (staff_id uuid primary key, institution_id uuid not null,
    outlet_id uuid not null, code text not null, role text not null, valid_from date not null,
    valid_to date, digest bytea not null, unique (institution_id, code));
create index staff_by_outlet on staff (outlet_id);

-- Which institution works for which enterprise, from allocation's events: a bank sees no other.
create table access (assignment_id uuid primary key, enterprise_id uuid not null,
    institution_id uuid not null);
create index access_by_enterprise on access (enterprise_id, institution_id);
create index access_by_institution on access (institution_id, enterprise_id);
"""


def upgrade() -> None:
    """Create everything."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(PLATFORM_UP)
    run_sql(TABLES)

"""Copies of what credit must know of others, applications, and the book of credit."""

from shared.platform.migrations import run_sql
from shared.platform.tables import PLATFORM_UP

revision = "0001"
down_revision = None

COPIES = """
create table institution (institution_id uuid primary key, code text not null,
    active boolean not null);
create table outlet (outlet_id uuid primary key, institution_id uuid not null,
    active boolean not null);
create table enterprise (enterprise_id uuid primary key, uscc text not null unique);
create table enterprise_region (enterprise_id uuid not null, valid_from date not null,
    region_code text not null, primary key (enterprise_id, valid_from));
create index enterprise_region_code on enterprise_region (region_code text_pattern_ops);
create table assignment (assignment_id uuid primary key, enterprise_id uuid not null,
    institution_id uuid not null, campaign_id uuid not null,
    assigned_on date not null, unassigned_on date);
create index assignment_whose on assignment (enterprise_id, institution_id);
"""

APPLICATIONS = """
create table application (application_id uuid primary key, campaign_id uuid,
    enterprise_id uuid not null, institution_id uuid not null, outlet_id uuid not null,
    region_code text not null, product_code text not null, product_version int not null,
    amount_fen bigint not null check (amount_fen > 0), filed_on date not null,
    on_own_list boolean not null, filed_at timestamptz not null,
    approved boolean, decided_fen bigint check (decided_fen >= 0), reason_code text,
    remark text not null default '', npl_tolerance boolean, due_diligence_exempt boolean,
    decided_on date, decided_at timestamptz,
    constraint decided_whole check ((approved is null) = (decided_on is null)),
    constraint decline_has_reason check (approved is distinct from false or reason_code is not null),
    constraint decided_not_before_filed check (decided_on >= filed_on));
create index application_place on application (institution_id, filed_on desc, application_id desc);
create index application_firm on application (enterprise_id);
"""

BOOK = """
create table credit_line (line_id uuid primary key, institution_id uuid not null,
    external_id text not null, enterprise_id uuid not null, outlet_id uuid not null,
    region_code text not null, amount_fen bigint not null check (amount_fen > 0),
    approved_on date not null, valid_from date not null, valid_until date not null,
    outstanding_fen bigint not null default 0, recorded_at timestamptz not null,
    constraint line_limit check (outstanding_fen between 0 and amount_fen),
    constraint line_dates check (valid_from <= valid_until),
    unique (institution_id, external_id));
create index credit_line_firm on credit_line (enterprise_id);
create index credit_line_place on credit_line (institution_id, approved_on desc, line_id desc);

create table loan (loan_id uuid primary key, institution_id uuid not null,
    external_id text not null, line_id uuid references credit_line,
    enterprise_id uuid not null, outlet_id uuid not null, region_code text not null,
    amount_fen bigint not null check (amount_fen > 0),
    origin text not null check (origin in
        ('new', 'extension', 'refinancing', 'restructuring', 'renewal')),
    securities text[] not null, annual_rate_bp int not null check (annual_rate_bp >= 0),
    granted_on date not null, matures_on date not null, booked_at timestamptz not null,
    first_loan_claimed boolean, medium_long_claimed boolean, unsecured_claimed boolean,
    ip_pledged_claimed boolean,
    definition text not null, medium_long boolean not null, unsecured boolean not null,
    ip_pledged boolean not null,
    drawn_fen bigint not null default 0, repaid_fen bigint not null default 0,
    last_moved_on date, recorded_at timestamptz not null,
    constraint loan_limit check (drawn_fen between 0 and amount_fen),
    constraint loan_balance check (repaid_fen between 0 and drawn_fen),
    constraint loan_dates check (matures_on > granted_on),
    unique (institution_id, external_id));
create index loan_firm on loan (enterprise_id);
create index loan_line on loan (line_id) where line_id is not null;
create index loan_place on loan (institution_id, granted_on desc, loan_id desc);

create table movement (movement_id uuid primary key,
    kind text not null check (kind in ('drawdown', 'repayment', 'reversal')),
    institution_id uuid not null, external_id text not null,
    loan_id uuid not null references loan, drawdown_id uuid references movement,
    amount_fen bigint not null check (amount_fen > 0), business_on date not null,
    region_code text not null, recorded_at timestamptz not null,
    constraint reversal_named check ((kind = 'reversal') = (drawdown_id is not null)),
    unique (institution_id, kind, external_id));
create index movement_loan on movement (loan_id, business_on);
create index movement_drawdown on movement (drawdown_id) where drawdown_id is not null;

create function movement_stands() returns trigger language plpgsql as $$ begin
    raise exception 'a movement is never changed or removed: it is reversed'
        using errcode = 'restrict_violation';
end $$;
create trigger movement_stands before update or delete on movement
    for each row execute function movement_stands();
"""


def upgrade() -> None:
    """Create everything; a lock that does not come soon fails the step instead of stopping bank pushes."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(PLATFORM_UP)
    run_sql(COPIES)
    run_sql(APPLICATIONS)
    run_sql(BOOK)

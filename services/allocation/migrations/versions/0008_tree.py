"""Trees of any depth: branches and outlets receive too; campaigns of one bank; seats at outlets."""

from shared.platform.migrations import run_sql

revision = "0008"
down_revision = "0007"

TREE = """
alter table campaign add column institution_id uuid;
alter table plan drop constraint plan_tier_check,
    add constraint plan_tier_check check (tier between 1 and 9),
    add column form text not null default 'kernel' check (form in ('kernel', 'joint')),
    add column direct int;

alter table plan_row add column node_city text, add column outlet_id uuid, add column node_id uuid;
update plan_row set node_id = institution_id;
alter table plan_load add column outlet_id uuid, add column outlets int not null default 0,
    add column declared int not null default 0, add column ability_bp int not null default 10000;
alter table plan_city add column institution_id uuid, drop constraint plan_city_pkey;
create unique index plan_city_key on plan_city (plan_id, city_code, institution_id)
    nulls not distinct;

alter table assignment add column duty boolean not null default false,
    add column node_kind text not null default 'bureau', add column node_city text,
    add column node_outlet_id uuid, add column node_id uuid;
update assignment set duty = true, node_kind = 'institution', node_id = institution_id
    where institution_id is not null;
"""


def upgrade() -> None:
    """Give every stored row its kind: until now tier 1 was bureaus and tier 2 institutions."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TREE)

"""Many enterprises at once, straight into the registry's tables: for what is measured on top."""

import random
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from shared.kernel.ids import derived_id
from shared.kernel.region import counties_of, full_name
from shared.kernel.uscc import check_character

VINTAGE = "2021-12-31"
_FIRST = "华光金鼎瑞恒天盛联众科信博远海川龙腾星辰宏图德润鑫源中泰安邦佳和创新智达启明"
_SECOND = "智能软件信息机械电子环保新材料生物医药自动化精密光电网络数控仪器化工能源装备通信"
_ENTERPRISE = (
    "enterprise_id", "uscc", "name", "registration_no", "founded_on", "registered_address",
    "business_address", "region_code", "longitude_e6", "latitude_e6", "precision",
    "industry_code", "has_loan", "employees", "list_vintage", "digest",
)  # fmt: skip
_MEMBER = (
    "list_vintage", "enterprise_id", "import_id", "row_no", "digest", "region_code",
    "industry_code", "has_loan", "employees", "revenue_fen", "rd_fen",
)  # fmt: skip


def _firms(count: int) -> Iterator[tuple[Any, ...]]:
    dice = random.Random(7)
    counties = counties_of("320000")
    for number in range(count):
        county = dice.choice(counties)
        first = f"91{county.code}Y{number:08d}".replace("O", "0")[:17]
        uscc = first + check_character(first)
        brand = "".join(dice.choice(_FIRST) for _ in range(dice.choice((2, 2, 3))))
        at = dice.randrange(0, len(_SECOND) - 1)
        name = f"{county.name[:2]}{brand}{_SECOND[at : at + 2]}科技有限公司"
        address = f"{full_name(county.code)}样例路{number % 999 + 1}号"
        yield (
            derived_id("enterprise", uscc), uscc, name, "", date(1995 + number % 27, 6, 1),
            address, address, county.code, round(county.lon * 1e6), round(county.lat * 1e6),
            "county", dice.choice(("35", "39", "65", "64", "27", "73")),
            dice.choice((True, False, None)), dice.randrange(1, 600), VINTAGE, b"",
        )  # fmt: skip


async def fill(connection: asyncpg.Connection, count: int, *, listed: int) -> None:
    """Put `count` enterprises into the tables, the first `listed` of them on a list."""
    import_id: UUID = uuid4()
    dice = random.Random(9)
    await connection.execute(
        "insert into import (import_id, kind, file_name, digest, suffix, valid_from, dry_run,"
        " state, created_at, finished_at) values ($1, 'enterprises', '', '', '', $2, false,"
        " 'done', now() - interval '1 day', now() - interval '1 day')",
        import_id,
        date.fromisoformat(VINTAGE),
    )
    firms = list(_firms(count))
    await connection.copy_records_to_table("enterprise", records=firms, columns=_ENTERPRISE)
    members = [
        (
            VINTAGE, firm[0], import_id, n, b"", firm[7], firm[11], firm[12], firm[13],
            dice.randrange(0, 30_000) * 1_000_000, dice.randrange(0, 900) * 1_000_000,
        )
        for n, firm in enumerate(firms[:listed], 1)
    ]  # fmt: skip
    await connection.copy_records_to_table("list_member", records=members, columns=_MEMBER)
    await connection.execute(
        "insert into enterprise_name (enterprise_id, name) select enterprise_id, name"
        " from enterprise"
    )
    await connection.execute("analyze")

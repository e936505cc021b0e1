"""Long work whose job is given up says so, leaves nothing half done and can be begun again."""

import asyncio
import os
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.registry.settings import Settings
from services.registry.store.files import remove_leftovers
from services.registry.usecases.erasing import forget_old_uploads
from services.registry.usecases.exporting import remove_old_exports
from services.registry.usecases.importing import import_given_up
from shared.platform.connections import connect_system
from shared.platform.jobs import GIVEN_UP, MAX_ATTEMPTS
from tests.registry.sheets import TODAY, firm, imported, lines_of, send, xlsx
from tests.support.stack import Caller, Stack

SHEET = xlsx(lines_of([firm(1), firm(2)]))


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    await stack.set_clock(TODAY)
    return stack.caller("registry", "province_regulator", account_id=uuid4())


async def workers_die(stack: Stack, kind: str) -> None:
    """The job of this kind has cost its last worker."""
    done = await stack.owner("registry")
    await done.execute(
        "update job set state = 'running', attempts = $1, beat_at = now() - interval '1 hour'"
        " where kind = $2",
        MAX_ATTEMPTS,
        kind,
    )


async def test_R1_an_import_whose_job_is_given_up_says_so_and_can_be_sent_again(
    stack: Stack, regulator: Caller
) -> None:
    sent = (await send(regulator, SHEET)).json()
    await (await stack.owner("registry")).execute("update import set state = 'reading'")
    await workers_die(stack, "import")
    await stack.settle()
    path = f"/imports/{sent['import_id']}"
    shown = (await regulator.get(path)).json()
    assert (shown["state"], shown["error"]["code"]) == ("failed", "import.given_up")
    assert "请重新上传" in shown["error"]["detail"]
    assert shown["counts"]["rows"] == 0
    report = await regulator.get(f"{path}/report.xlsx")
    assert report.json()["code"] == "import.failed"
    assert (await regulator.get("/enterprises")).json()["items"] == []
    assert (await regulator.get(f"/jobs/{sent['job_id']}")).json()["error"] == GIVEN_UP
    said = await stack.rows("registry", "select after from audit where action = 'import.failed'")
    assert len(said) == 1
    again = await imported(stack, regulator, SHEET)
    assert (again["state"], again["counts"]["new"]) == ("done", 2)
    # Who says it twice, or too late, changes nothing.
    async with stack.database("registry").transaction() as tx:
        await import_given_up(tx, {"import_id": again["import_id"]})
    assert (await regulator.get(f"/imports/{again['import_id']}")).json()["state"] == "done"


async def test_R1_a_worker_taken_for_dead_takes_nothing_once_its_import_was_given_up(
    stack: Stack, regulator: Caller
) -> None:
    sent = (await send(regulator, SHEET)).json()
    holder = await connect_system(stack.databases["registry"].owner_url)
    try:
        async with holder.transaction():
            await holder.execute("lock table import_chunk in share mode")
            late = asyncio.create_task(stack.settle())  # waits with its rows taken
            async with asyncio.timeout(20):
                while not await holder.fetchval("select rows from import"):
                    await asyncio.sleep(0.05)
            async with stack.database("registry").transaction() as tx:
                await import_given_up(tx, {"import_id": sent["import_id"]})
        await late
    finally:
        await holder.close()
    shown = (await regulator.get(f"/imports/{sent['import_id']}")).json()
    assert (shown["state"], shown["error"]["code"]) == ("failed", "import.given_up")
    assert shown["counts"]["rows"] == 0
    assert (await regulator.get("/enterprises")).json()["items"] == []


async def test_R1_an_import_that_breaks_is_failed_and_its_sheet_is_thrown_away_in_time(
    stack: Stack, regulator: Caller
) -> None:
    sent = (await send(regulator, SHEET)).json()
    owner = await stack.owner("registry")
    await owner.execute("alter table import_row rename to import_row_elsewhere")
    try:
        await stack.settle()
    finally:
        await owner.execute("alter table import_row_elsewhere rename to import_row")
    shown = (await regulator.get(f"/imports/{sent['import_id']}")).json()
    assert (shown["state"], shown["error"]["code"]) == ("failed", "import.given_up")
    await stack.set_clock("2022-05-09T09:00:00+08:00")
    settings = Settings()  # pyright: ignore[reportCallIssue]
    assert await forget_old_uploads(stack.database("registry"), settings) == 1


async def export(regulator: Caller) -> dict[str, Any]:
    body = {"format": "csv", "purpose": "核对"}
    answer = await regulator.post("/search/exports", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def test_R1_an_export_whose_job_is_given_up_says_so(stack: Stack, regulator: Caller) -> None:
    await imported(stack, regulator, SHEET)
    asked = await export(regulator)
    assert asked["state"] == "queued"
    path = f"/exports/{asked['export_id']}"
    early = await regulator.get(f"{path}/file")
    assert early.json()["code"] == "export.not_finished"
    await workers_die(stack, "export")
    await stack.settle()
    shown = (await regulator.get(path)).json()
    assert (shown["state"], shown["error"]) == ("failed", GIVEN_UP)
    late = await regulator.get(f"{path}/file")
    assert (late.status_code, late.json()["code"]) == (409, "export.failed")
    again = await export(regulator)
    await stack.settle()
    shown = (await regulator.get(f"/exports/{again['export_id']}")).json()
    assert (shown["state"], shown["rows"], shown["error"]) == ("done", 2, None)


async def test_M5_files_of_exports_go_with_their_time_and_half_written_ones_after_a_day(
    stack: Stack, regulator: Caller
) -> None:
    await imported(stack, regulator, SHEET)
    kept, old = await export(regulator), await export(regulator)
    await stack.settle()
    database, settings = stack.database("registry"), Settings()  # pyright: ignore[reportCallIssue]
    await remove_old_exports(database, settings)  # of other tests on this folder
    folder = Path(os.environ["REGISTRY_UPLOAD_DIR"])
    half = folder / "exports" / f"{kept['export_id']}.part"
    half.write_bytes(b"half")
    remove_leftovers(folder)
    assert half.exists()
    os.utime(half, (0, 0))
    remove_leftovers(folder)
    assert not half.exists()
    await (await stack.owner("registry")).execute(
        "delete from export where export_id = $1", UUID(old["export_id"])
    )
    assert await remove_old_exports(database, settings) == 1
    assert [path.stem for path in (folder / "exports").iterdir()] == [kept["export_id"]]


async def test_ST_07_a_border_move_that_is_begun_again_counts_nobody_twice(
    stack: Stack, regulator: Caller
) -> None:
    await imported(stack, regulator, SHEET)
    (first, *_) = (await regulator.get("/enterprises")).json()["items"]
    own = {
        "region_code": "320505", "industry_code": "65", "valid_from": "2022-04-02", "reason": "转行",
    }  # fmt: skip
    path = f"/enterprises/{first['enterprise_id']}"
    changed = await regulator("PATCH", path, json=own, headers={"if-match": '"1"'})
    assert changed.status_code == 200, changed.text
    move = {
        "from_code": "320505", "to_code": "320507", "valid_from": "2022-04-01", "reason": "区划调整",
    }  # fmt: skip
    assert (await regulator.post("/regions/moves", json=move)).status_code == 202
    for _ in range(2):
        await (await stack.owner("registry")).execute(
            "update job set state = 'queued' where kind = 'move_border'"
        )
        await stack.settle()
        (done,) = (await regulator.get("/regions/moves")).json()["items"]
        assert (done["moved"], done["left_alone"]) == (1, 1)

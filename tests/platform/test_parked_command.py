"""`yinqi parked` needs a service's database and nothing else of its settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.platform.settings import SERVICES
from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", [("list",), ("retry",)])
def test_what_is_set_aside_is_shown_by_the_database_alone(
    whole_stack: Stack, command: tuple[str, ...]
) -> None:
    addresses = {
        f"{name.upper()}_DATABASE_URL": database.url
        for name, database in whole_stack.databases.items()
    }
    prefixes = tuple(f"{name.upper()}_" for name in (*SERVICES, "yinqi"))
    bare = {k: v for k, v in os.environ.items() if not k.startswith(prefixes)}
    told = subprocess.run(
        [sys.executable, "-m", "services", "parked", *command, "all"],
        env=bare | addresses | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    assert ("consumer" if command == ("list",) else "仍搁置 0") in told.stdout

"""The pages read what the services write: documents, types and metrics do not drift apart."""

import re
import subprocess
import sys
from pathlib import Path

from services.embedded import ROOT
from services.reporting.domain.figures import METRICS
from shared.platform.embedded.toolchain import build_web, ensure_node

WEB = ROOT / "web"


def test_the_kept_openapi_documents_are_those_the_services_give(tmp_path: Path) -> None:
    """After a change of an API: `python -m services openapi`."""
    told = subprocess.run(
        [sys.executable, "-m", "services", "openapi", str(tmp_path)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    fresh = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    kept = {path.name: path.read_text() for path in (WEB / "openapi").glob("*.json")}
    assert sorted(fresh) == sorted(kept)
    assert [name for name in fresh if fresh[name] != kept[name]] == []


def test_the_pages_compile_against_the_types_of_the_kept_documents() -> None:
    build_web()  # brings the packages
    node = str(ensure_node())
    for script in (["scripts/types.mjs"], ["node_modules/vue-tsc/bin/vue-tsc.js", "--noEmit"]):
        done = subprocess.run([node, *script], check=False, cwd=WEB, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_board_asks_for_metrics_that_reporting_knows() -> None:
    text = (WEB / "src" / "api" / "types.ts").read_text()
    union = text.partition("export type MetricKey =")[2].partition("\n\n")[0]
    asked = set(re.findall(r"'(\w+)'", union))
    assert len(asked) > 10
    assert asked <= {metric.code for metric in METRICS}

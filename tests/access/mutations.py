"""Take a protection out, and see that its test fails: shown in a copy of the sources.

    python -m tests.access.mutations [NAME …]

Each mutation names a file, the text that protects, what stands there without it, and the test that
has to fail. The test is first seen to pass as things are.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("services", "shared", "tests", "benchmarks", "deploy", "docs", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Mutation:
    """A protection taken out of one file, and the test that notices."""

    threat: str
    file: str
    protects: str
    without: str
    test: str


MUTATIONS = (
    Mutation(
        "S03",
        "shared/platform/access.py",
        "if caller.role and permissions.scope_of(caller.role, self.resource, self.action):",
        "if caller.role:",
        "tests/access/test_matrix.py::test_S03_each_role_may_do_what_the_matrix_names_and_nothing_else[credit]",
    ),
    Mutation(
        "S04",
        "shared/platform/web.py",
        'ConfigDict(extra="forbid", frozen=True)',
        'ConfigDict(extra="ignore", frozen=True)',
        "tests/access/test_input_threats.py::test_S04_a_field_that_nobody_asked_for_is_refused_in_every_body",
    ),
    Mutation(
        "S05",
        "shared/platform/reach.py",
        'return Reach(name, account, bank or "none", "yinqi.institution", bank)',
        'return Reach("system", account, "platform")',
        "tests/walls/test_tenants.py::test_S05_two_hundred_tenants_in_turn_on_two_connections_see_no_foreign_row",
    ),
    Mutation(
        "S09",
        "shared/platform/auth.py",
        'aud={"essential": True, "value": self.service},',
        "",
        "tests/identity/test_crafted_tokens.py::test_S09_a_token_for_another_service_is_refused_by_each",
    ),
    Mutation(
        "S11",
        "services/identity/domain/model.py",
        "LONGEST_LOCK_SECONDS = 10, 60, 900",
        "LONGEST_LOCK_SECONDS = 10_000, 60, 900",
        "tests/identity/test_guessing.py::test_S11_a_name_that_is_nobodys_is_shut_just_as_anyone_elses",
    ),
    Mutation(
        "S18",
        "shared/platform/web.py",
        "except (ValueError, TypeError, OverflowError, RecursionError) as error:",
        "except ZeroDivisionError as error:",
        "tests/platform/test_hostile_input.py::test_S18_a_crafted_cursor_is_the_callers_fault_in_every_list",
    ),
    Mutation(
        "S22",
        "services/registry/store/erasing.py",
        "delete from data_key where subject_id = $1",
        "delete from data_key where subject_id = $1 and false",
        "tests/registry/test_erasure.py::test_S22_after_erasure_nothing_is_readable_in_any_store_or_restored_backup",
    ),
)


def passes(root: Path, test: str) -> bool:
    """Whether one test passes on the sources under a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", test, "-q", "-n", "0", "-p", "no:cacheprovider"],
        cwd=root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout[-2_000:] + done.stderr[-2_000:])
    return done.returncode == 0


def tried(mutation: Mutation, root: Path) -> bool:
    """Whether the test passes as things are, and fails without the protection."""
    path = root / mutation.file
    whole = path.read_text(encoding="utf-8")
    assert whole.count(mutation.protects) == 1, (mutation.file, mutation.protects)
    before = passes(root, mutation.test)
    path.write_text(whole.replace(mutation.protects, mutation.without), encoding="utf-8")
    try:
        after = passes(root, mutation.test)
    finally:
        path.write_text(whole, encoding="utf-8")
    said = f"whole: {'passes' if before else 'FAILS'}, without: {'PASSES' if after else 'fails'}"
    print(f"{mutation.threat} {mutation.file}: {said}", flush=True)
    return before and not after


def main() -> int:
    """Try all, or those named; 1 where a test did not notice."""
    chosen = [one for one in MUTATIONS if not sys.argv[1:] or one.threat in sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="yinqi-mutations-") as name:
        root = Path(name)
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, root / part)
            else:
                shutil.copy(ROOT / part, root / part)
        noticed = [tried(one, root) for one in chosen]
    print(f"{sum(noticed)} of {len(chosen)} protections were missed when they were gone")
    return 0 if all(noticed) else 1


if __name__ == "__main__":
    raise SystemExit(main())

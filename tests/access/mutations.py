"""Take a protection out, and see that its test fails: shown in a copy of the sources.

    python -m tests.access.mutations [NAME …]

Each mutation names a file, the text that protects, what stands there without it, and the test that
has to fail. The test is first seen to pass as things are. What a run over all of them found is
kept as data.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "benchmarks" / "results" / "mutations.json"
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
        "S11",
        "services/identity/usecases/sessions.py",
        "if shut or not await _counted(database, name):",
        "if not await _counted(database, name) and shut:",
        "tests/identity/test_guessing.py::test_S11_of_five_thousand_guesses_at_once_ten_a_name_are_compared",
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


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutation, and whether its test passed as things are and without the protection."""

    mutation: Mutation
    passes_whole: bool
    passes_without: bool

    @property
    def noticed(self) -> bool:
        """The test passes as things are, and fails without the protection."""
        return self.passes_whole and not self.passes_without

    def told(self) -> str:
        """What was seen, in a line."""
        whole = "passes" if self.passes_whole else "FAILS"
        without = "PASSES" if self.passes_without else "fails"
        return f"{self.mutation.threat} {self.mutation.file}: whole: {whole}, without: {without}"

    def plain(self) -> dict[str, Any]:
        """What was seen, as it is kept."""
        return asdict(self.mutation) | {"noticed": self.noticed}


def tried(mutation: Mutation, root: Path) -> Tried:
    """Run the test as things are and without the protection."""
    path = root / mutation.file
    whole = path.read_text(encoding="utf-8")
    assert whole.count(mutation.protects) == 1, (mutation.file, mutation.protects)
    before = passes(root, mutation.test)
    path.write_text(whole.replace(mutation.protects, mutation.without), encoding="utf-8")
    try:
        found = Tried(mutation, before, passes(root, mutation.test))
    finally:
        path.write_text(whole, encoding="utf-8")
    print(found.told(), flush=True)
    return found


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
        seen = [tried(one, root) for one in chosen]
    noticed = sum(one.noticed for one in seen)
    print(f"{noticed} of {len(seen)} protections were missed when they were gone")
    if len(seen) == len(MUTATIONS):
        kept = {
            "name": "mutations",
            "date": date.today().isoformat(),
            "tried": len(seen),
            "noticed": noticed,
            "mutations": [one.plain() for one in seen],
        }
        RESULT.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0 if noticed == len(seen) else 1


if __name__ == "__main__":
    raise SystemExit(main())

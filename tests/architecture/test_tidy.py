"""What the linters cannot know: the shape of services, who commits, who emits, names of hosts."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

import shared
from shared.contracts import CONTRACTS
from shared.platform.settings import SERVICES

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for top in ("services", "shared")
    for path in (ROOT / top).rglob("*.py")
    if "migrations" not in path.parts
)
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60
SAME_FILES = ("__init__.py", "service.py", "settings.py", "consumers.py", "api/routes.py")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def test_shared_is_the_projects_own_package() -> None:
    assert Path(str(shared.__file__)).is_relative_to(ROOT)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_shape(service: str) -> None:
    folder = ROOT / "services" / service
    missing = [name for name in SAME_FILES if not (folder / name).exists()]
    usecases = (folder / "usecases.py").exists() or (folder / "usecases").is_dir()

    assert missing == []
    assert usecases
    assert list((folder / "migrations" / "versions").glob("0001_*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_and_functions_stay_small(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions(path) if f.end_lineno}

    assert lines <= MAX_FILE_LINES
    assert {name: size for name, size in long.items() if size > MAX_FUNCTION_LINES} == {}


def test_only_the_platforms_database_commits() -> None:
    allowed = {"shared/platform/database.py", "shared/platform/migrate.py"}
    found = {relative(p) for p in SOURCES if ".commit(" in p.read_text("utf-8")}

    assert found <= allowed


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_emits_only_its_own_events(service: str) -> None:
    own = {name for name, contract in CONTRACTS.items() if contract.source == service}
    others = set(CONTRACTS) - own
    made: set[str] = set()
    for path in (ROOT / "services" / service).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                made.add(node.func.id)

    assert made & others == set()


def test_every_declared_event_is_emitted_by_its_service() -> None:
    text = {
        service: "".join(p.read_text("utf-8") for p in (ROOT / "services" / service).rglob("*.py"))
        for service in SERVICES
    }
    silent = [name for name, c in CONTRACTS.items() if f"{name}(" not in text[c.source]]

    assert silent == []


def test_rules_in_docstrings_are_rules_of_the_book() -> None:
    known = set(
        re.findall(r"\b(?:JS|JL|TS|ST)-\d{2}\b", (ROOT / "docs" / "rules.md").read_text("utf-8"))
    )
    cited = {
        rule
        for path in SOURCES
        for rule in re.findall(r"\b(?:JS|JL|TS|ST)-\d{2}\b", path.read_text("utf-8"))
    }

    assert cited - known == set()


def tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    return [ROOT / name for name in names.split("\0") if name]


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        try:
            found.append((relative(path), path.read_text("utf-8")))
        except (UnicodeDecodeError, OSError):
            continue
    return found


def test_no_registry_host_no_machine_path_no_secret_is_written_down() -> None:
    banned = re.compile(
        "|".join(
            [
                r"pypi\." + "org",
                r"registry\.npm" + r"js\.",
                r"files\.python" + "hosted",
                r"repo1?\.maven\.",
                r"/wo" + "rk/",
                r"PRIVATE" + r" KEY-----\s+[A-Za-z0-9+/]{16}",
            ]
        )
    )
    found = [name for name, text in texts() if banned.search(text)]

    assert found == []


def test_nothing_is_left_for_later_in_the_code() -> None:
    words = re.compile(
        r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b|pytest\.sk" + "ip"
    )
    code = [(n, t) for n, t in texts() if n.endswith((".py", ".ts", ".vue"))]

    assert [name for name, text in code if words.search(text)] == []


def test_every_error_code_stands_in_its_page() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("page", ROOT / "deploy/docs/errors_page.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert (ROOT / "docs" / "errors.md").read_text("utf-8") == module.page()


def test_every_test_that_the_fault_list_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", (ROOT / "docs/faults.md").read_text("utf-8"))

    assert len(named) >= 25
    assert [
        f"{path}::{name}"
        for path, name in named
        if name not in {f.name for f in functions(ROOT / "tests" / path)}
    ] == []


def test_every_threat_has_tests_and_every_test_that_its_row_names_exists() -> None:
    rows = re.findall(
        r"^\| (S\d\d) \|(.*)$", (ROOT / "docs/threats.md").read_text("utf-8"), re.MULTILINE
    )
    assert [row for row, _ in rows] == [f"S{number:02}" for number in range(1, 26)]
    for row, told in rows:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", told)
        assert named, row
        for path, name in named:
            assert row in name
            assert name in {f.name for f in functions(ROOT / "tests" / path)}, name


def test_every_path_that_the_tour_and_the_rules_name_exists() -> None:
    gone: list[str] = []
    for page, start in (("tour.md", "services/visits/"), ("rules.md", "services/")):
        text = (ROOT / "docs" / page).read_text("utf-8")
        for path in re.findall(r"`([a-z_]+/[\w/]+(?:\.py|\.ts|/))`", text):
            if not any((ROOT / each / path).exists() for each in (start, "")):
                gone.append(f"{page}: {path}")

    assert gone == []


def test_the_architecture_page_names_every_event() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")

    assert [name for name in CONTRACTS if not re.search(rf"\b{name}\b", page)] == []

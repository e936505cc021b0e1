"""The shell bootstrap and the web build."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from shared.platform.embedded import toolchain
from shared.platform.embedded.processes import EmbeddedError


@pytest.fixture
def clone(tmp_path: Path, repository: Path) -> Path:
    """A checkout whose environment is ready and whose CLI says what it was told."""
    root = tmp_path / "check out"  # a blank in the path must not hurt
    (root / "services").mkdir(parents=True)
    shutil.copy2(repository / "yinqi", root / "yinqi")
    (root / "requirements.lock").write_text("# empty\n")
    (root / "services" / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.environ['PYTHONPATH'])\nsys.exit(7)\n"
    )
    return root


def run(clone: Path, *words: str, path: str | None = None) -> "subprocess.CompletedProcess[str]":
    env = {k: v for k, v in os.environ.items() if k != "YINQI_PYTHON"}
    return subprocess.run(
        [str(clone / "yinqi"), *words],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env=env | ({"PATH": path} if path else {}),
    )


def test_the_bootstrap_makes_the_environment_once_and_is_quick_after(clone: Path) -> None:
    first = run(clone, "visits", "two words")
    assert first.returncode == 7, first.stderr
    assert first.stdout == f"['visits', 'two words'] {clone}\n"
    assert "Python" in first.stderr
    times: list[float] = []
    for _ in range(5):
        began = time.monotonic()
        again = run(clone, "x")
        times.append(time.monotonic() - began)
        assert (again.returncode, again.stderr) == (7, "")
    assert min(times) < 0.1


def test_a_changed_lock_is_noticed(clone: Path) -> None:
    run(clone)
    (clone / "requirements.lock").write_text("# changed\n")
    assert run(clone).stderr != ""
    assert run(clone).stderr == ""


def test_an_old_python_is_refused_in_both_languages(clone: Path, tmp_path: Path) -> None:
    old = tmp_path / "bin"
    old.mkdir()
    for name in ("sh", "cat", "dirname", "mkdir", "sha256sum", "readlink"):
        (old / name).symlink_to(shutil.which(name) or name)
    (old / "python3").write_text("#!/bin/sh\nexit 1\n")
    (old / "python3").chmod(0o755)
    refused = run(clone, path=str(old))
    assert refused.returncode == 2
    assert "需要 Python 3.11" in refused.stderr
    assert "Python 3.11 or later is needed" in refused.stderr


def test_registries_out_of_reach_are_told_without_naming_them(clone: Path) -> None:
    (clone / "requirements.lock").write_text("no-such-package==0.0.0\n")
    env = {"UV_OFFLINE": "1", "UV_INDEX_URL": "http://registry.invalid/simple"}
    failed = subprocess.run(
        [str(clone / "yinqi")],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | env,
    )
    assert failed.returncode == 2
    assert "软件源" in failed.stderr
    assert "http" not in failed.stdout + failed.stderr
    assert not (clone / ".venv" / ".yinqi-lock").exists()


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Web sources without dependencies; `vite` is a script that copies the page."""
    web = tmp_path / "web"
    (web / "src").mkdir(parents=True)
    (web / "package.json").write_text('{"name": "pages", "version": "1.0.0", "private": true}')
    lock = '{"name": "pages", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {}}}'
    (web / "package-lock.json").write_text(lock)
    (web / "src" / "page.html").write_text("first")
    vite = web / "node_modules" / "vite" / "bin" / "vite.js"
    script = (
        "const fs = require('fs'); const out = process.argv[4]; fs.mkdirSync(out);"
        "if (fs.existsSync('src/broken')) process.exit(1);"
        "fs.copyFileSync('src/page.html', out + '/index.html');"
    )

    def install(_web: Path, _log: Path, _node: Path) -> None:
        vite.parent.mkdir(parents=True, exist_ok=True)
        vite.write_text(script)

    monkeypatch.setattr(toolchain, "REPOSITORY_ROOT", tmp_path)
    monkeypatch.setattr(toolchain, "_install", install)
    return web


def test_pages_are_built_once_per_change_of_their_sources(web: Path) -> None:
    page = toolchain.build_web(web=web) / "index.html"
    assert page.read_text() == "first"
    page.write_text("kept")
    toolchain.build_web(web=web)
    assert page.read_text() == "kept"
    (web / "src" / "page.html").write_text("second")
    assert not toolchain.web_is_current(web)
    toolchain.build_web(web=web)
    assert page.read_text() == "second"
    page.write_text("again")
    toolchain.build_web(web=web, force=True)
    assert page.read_text() == "second"


def test_a_failed_build_leaves_the_old_pages(web: Path) -> None:
    page = toolchain.build_web(web=web) / "index.html"
    (web / "src" / "broken").touch()
    with pytest.raises(EmbeddedError, match="网页构建失败"):
        toolchain.build_web(web=web)
    shutil.rmtree(web / "dist.new")
    assert page.read_text() == "first"


def test_an_npm_out_of_reach_is_told_with_its_consequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = tmp_path / "web"
    web.mkdir()
    (web / "package.json").write_text(
        '{"name": "p", "version": "1.0.0", "dependencies": {"left": "1.0.0"}}'
    )
    packages = (
        '{"": {"name": "p", "version": "1.0.0", "dependencies": {"left": "1.0.0"}}, '
        '"node_modules/left": {"version": "1.0.0", "resolved": "http://127.0.0.1:9/left.tgz"}}'
    )
    (web / "package-lock.json").write_text(
        f'{{"name": "p", "version": "1.0.0", "lockfileVersion": 3, "packages": {packages}}}'
    )
    monkeypatch.setattr(toolchain, "REPOSITORY_ROOT", tmp_path)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    with pytest.raises(EmbeddedError, match="npm") as told:
        toolchain.build_web(web=web)
    assert "127.0.0.1" not in str(told.value)


def test_node_comes_from_the_wheel() -> None:
    told = subprocess.run(
        [str(toolchain.ensure_node()), "--version"], check=True, capture_output=True, text=True
    )
    assert int(told.stdout.lstrip("v").partition(".")[0]) >= 20

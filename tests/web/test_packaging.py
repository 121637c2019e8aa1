"""What is committed is what people install: a wheel of it runs from an empty folder, with all its files."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import urllib.error
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from chatapp import __version__
from chatapp.web.assets.static import Static

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"templates": "chatapp/templates", "static": "chatapp/static"}  # in the checkout, in the wheel


def configuration() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser()
    parsed.read(ROOT / "setup.cfg", "utf-8")
    return parsed


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_packages_listed_are_the_packages_there_are() -> None:
    listed = set(configuration()["options"]["packages"].split())
    code = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in ROOT.glob("chatapp/**/__init__.py")}
    assert listed == code | {"chatapp.templates", "chatapp.static"}


def test_every_folder_with_code_is_a_package() -> None:
    bare = {path.parent for path in ROOT.glob("chatapp/**/*.py") if not (path.parent / "__init__.py").exists()}
    assert not bare


def test_no_file_of_the_product_is_hidden_from_the_wheel_by_its_name() -> None:
    hidden = [name for folder in FOLDERS for name in files(ROOT / folder) if "/." in f"/{name}"]
    assert not hidden


def test_the_project_file_says_how_to_build_and_nothing_else() -> None:
    assert set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))) == {"build-system"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out what is committed, and only that."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the setuptools installed here, so that no network is needed."""
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (only,) = out.glob("*.whl")
    return only


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone into a new environment that borrows the libraries of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    binaries = folder / ("Scripts" if sys.platform == "win32" else "bin")
    paths = {"base": str(folder), "platbase": str(folder), "installed_base": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            str(site),
            str(wheel),
        ],
        check=True,
    )
    # Appended by a .pth, so the wheel comes first and an editable chatapp of this environment is never found.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return binaries / "python"


@pytest.fixture(scope="module")
def url(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the installed program in an empty folder; check that it stops with status 0."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("CHATAPP_", "PYTHON"))}
    folder = tmp_path_factory.mktemp("empty")
    with subprocess.Popen(
        [python, "-m", "chatapp", "--host", "127.0.0.1", "--port", "0"],
        cwd=folder,
        env=variables | {"PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as server:
        try:
            assert server.stdout is not None
            found = next(filter(None, (re.search(r"http://localhost:(\d+)", line) for line in server.stdout)), None)
            assert found, "the installed program ended before it listened"
            yield f"http://127.0.0.1:{found[1]}"
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=30) == 0
        finally:
            server.kill()
    assert {path.name for path in folder.iterdir()} == {"chat.db", "chat.db.lock"}


def fetch(url: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), error.read()


def test_the_wheel_holds_every_template_static_file_and_catalogue(source: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    wanted = {f"{inside}/{name}" for outside, inside in FOLDERS.items() for name in files(source / outside)}
    wanted |= {
        path.relative_to(source).as_posix() for path in source.glob("chatapp/**/*") if path.suffix in (".py", ".mo")
    }
    assert any(name.endswith(".mo") for name in wanted)
    assert wanted <= names, f"the wheel lacks {sorted(wanted - names)}"


def test_the_wheel_puts_nothing_beside_its_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        tops = {name.partition("/")[0] for name in packed.namelist()}
    assert tops == {"chatapp", f"chatapp-{__version__}.dist-info"}


def test_the_installed_program_is_the_one_in_the_wheel(python: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [python, "-c", "import chatapp; print(chatapp.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert Path(where.strip()).is_relative_to(python.parent.parent)


def test_the_installed_program_serves_its_first_page(url: str) -> None:
    status, kind, body = fetch(f"{url}/")
    assert (status, kind) == (200, "text/html")
    assert b"</html>" in body


def test_the_installed_program_serves_every_static_file(url: str, source: Path) -> None:
    found = re.search(r"/static/[^/\"]+/", fetch(f"{url}/")[2].decode())
    assert found, "the first page names no static file"
    ours = Static(source / "static")
    for name in sorted(files(source / "static")):
        status, _, body = fetch(f"{url}{found[0]}{name}")
        assert (status, body) == (200, ours.find(name).body), name


def test_the_installed_program_is_healthy(url: str) -> None:
    assert fetch(f"{url}/healthz")[:2] == (200, "application/json")
    assert fetch(f"{url}/readyz")[:2] == (200, "application/json")

"""What both READMEs say is what the product does, and they say the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from chatapp.operate.banner import banner
from chatapp.settings import Settings, table

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "tests" / "screenshots"
FIRST_COMMAND = "python3 -m venv .venv && .venv/bin/python -m pip install . && .venv/bin/python -m chatapp"
SECOND_COMMAND = "tests/run"
TRANSLATED = {"all addresses": "mọi địa chỉ", "none": "không có"}  # defaults that are words
HOSTS = re.compile(r"(localhost|127\.0\.0\.1|192\.168\.1\.20|(chat\.)?example\.org)(:8765)?")
SOMEBODYS_FOLDERS = re.compile(r"/(home|root|tmp|Users|private)/")
LONGEST = 350  # lines of a README: what is longer belongs into --help
WIDEST = 120  # characters of a line
FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)

both = pytest.mark.parametrize("name", ["README.md", "README.vi.md"])


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(name: str) -> list[tuple[str, str]]:
    """Return the language and the text of every block of code."""
    return FENCE.findall(read(name))


def run(*arguments: str) -> str:
    """Start the program as the first command starts it; return what it prints."""
    start = FIRST_COMMAND.rsplit(" && ", maxsplit=1)[-1].split()[1:]
    command = [sys.executable, *start, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def section(name: str, heading: str) -> str:
    """Return the text below a heading, to the next one."""
    return re.split(r"^## ", read(name).partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def prose(name: str) -> str:
    return FENCE.sub("", read(name))


def headings(name: str) -> list[tuple[str, str]]:
    return re.findall(r"^(#+) (.+)$", prose(name), re.MULTILINE)


def links(name: str) -> list[str]:
    found = re.findall(r"\]\(([^)]+)\)", prose(name))
    return found + re.findall(r'\b(?:src|srcset)="([^"]+)"', prose(name))


def settings_rows(name: str) -> list[list[str]]:
    """Return the cells of every line of the tables of settings, without the marks of code."""
    lines = [line for line in prose(name).splitlines() if line.startswith("|") and "`CHATAPP_" in line]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_of_settings_is_that_of_the_program() -> None:
    rows = [[row.flag, row.variable, row.default, row.text] for row in table() if row.flag]
    assert settings_rows("README.md") == rows


def test_the_help_explains_every_setting_that_the_readme_leaves_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Settings.read(["--help"], {})
    lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    for row in table():
        assert row.flag or [row.variable, row.default, row.text] in lines


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("backup",), ["15 3 * * *", "Never copy the database with cp", "Exit status"]),
        (("restore",), ["--database drill.db", "kept beside it", "Exit status"]),
        (("check",), ["Exit status: 0 all is well, 1 it can be repaired, 2 something is lost"]),
        (("rotate-key",), ["CHATAPP_SECRET_KEY", "openssl rand -base64 32", "Nobody has to log in again"]),
        (("bench",), ["--clients", "--rate", "--folder"]),
        (("user", "passwd"), ["while the server runs or not", "logged out everywhere"]),
    ],
)
def test_the_help_of_a_command_holds_what_the_readme_leaves_to_it(command: tuple[str, ...], said: list[str]) -> None:
    shown = " ".join(run(*command, "--help").split())
    assert all(each in shown for each in said)


def test_the_vietnamese_table_lists_the_same_settings_with_the_same_defaults() -> None:
    english, vietnamese = settings_rows("README.md"), settings_rows("README.vi.md")
    expected = [[*names, TRANSLATED.get(default, default)] for *names, default, _ in english]
    assert [row[:-1] for row in vietnamese] == expected
    assert not {row[-1] for row in english} & {row[-1] for row in vietnamese}, "a line is not translated"


@both
def test_a_readme_is_short_enough_to_be_read(name: str) -> None:
    lines = read(name).splitlines()
    assert len(lines) < LONGEST
    for line in lines:  # rows of tables, elements and commands cannot be broken
        assert len(line) <= WIDEST or re.match(r"\||\s*<|\s*`[^`]+`$", line), line


def test_both_readmes_have_the_same_headings_in_number_and_depth() -> None:
    assert [depth for depth, _ in headings("README.md")] == [depth for depth, _ in headings("README.vi.md")]


def test_both_readmes_have_the_same_blocks_of_code() -> None:
    assert blocks("README.md") == blocks("README.vi.md")


def test_both_readmes_have_as_many_list_items_and_lines_of_tables() -> None:
    def counted(name: str) -> tuple[int, ...]:
        return tuple(
            len(re.findall(start, prose(name), re.MULTILINE)) for start in (r"^- ", r"^\d+\. ", r"^\|", r"^\*\*")
        )

    assert counted("README.md") == counted("README.vi.md")


def test_the_first_command_sets_everything_up_and_starts_the_server_in_one_line() -> None:
    assert blocks("README.md")[0] == ("sh", FIRST_COMMAND + "\n")


def test_the_variant_for_windows_does_the_same() -> None:
    language, command = blocks("README.md")[1]
    steps = FIRST_COMMAND.replace("python3", "py").replace(".venv/bin/", ".venv\\Scripts\\").split(" && ")
    assert (language, command) == ("powershell", "; ".join(steps) + "\n")


def test_the_command_under_development_runs_every_test() -> None:
    [command] = FENCE.findall(section("README.md", "## Development"))
    assert command == ("sh", SECOND_COMMAND + "\n")
    assert os.access(ROOT / SECOND_COMMAND, os.X_OK)


def test_every_start_of_the_server_uses_flags_that_there_are() -> None:
    text = "\n".join(read(name) for name in ("README.md", "README.vi.md"))
    used = set(re.findall(r"-m chatapp((?: --[a-z-]+ [^\s`]+)*)", text))
    assert len(used) > 1
    for flags in used:
        Settings.read(flags.split(), {})


@pytest.mark.skipif(sys.platform == "win32", reason="shows a path of POSIX")
def test_the_start_looks_as_the_readme_shows_it() -> None:
    shown = next(text for language, text in blocks("README.md") if language == "text")
    settings = Settings(database=Path("/srv/chat/chat.db"))
    assert shown.rstrip("\n") in banner(settings, "192.168.1.20", tty=True)


@both
def test_every_link_leads_to_a_file_of_the_repository_or_a_heading_of_the_page(name: str) -> None:
    anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for _, text in headings(name)}
    for link in links(name):
        if link.startswith("#"):
            assert link[1:] in anchors, link
        else:
            assert (ROOT / link).is_file(), link


@both
def test_the_folders_that_a_readme_explains_are_those_of_the_program(name: str) -> None:
    rows = [line for line in prose(name).splitlines() if re.match(r"\| `[a-z]+`[, |]", line)]
    listed = [folder for row in rows for folder in re.findall(r"`([a-z]+)`", row.split(" | ")[0])]
    folders = [path.parent.name for path in (ROOT / "chatapp").glob("*/__init__.py")]
    assert sorted(listed) == sorted(folders)


@both
def test_what_a_bench_or_a_script_is_called_in_a_command_exists(name: str) -> None:
    scripts = re.findall(r"\btests/[\w/]+\.py\b", read(name))
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


@both
def test_no_host_is_named_but_examples_and_this_computer(name: str) -> None:
    for address in re.findall(r"https?://([^\s/`)\"*]+)", read(name)):
        assert HOSTS.fullmatch(address.rstrip(";")), address


@both
def test_no_folder_of_somebodys_computer_is_named(name: str) -> None:
    assert not SOMEBODYS_FOLDERS.search(read(name))
    assert str(ROOT) not in read(name)


@both
def test_nothing_that_was_to_be_filled_in_is_left(name: str) -> None:
    assert not re.search(r"@[A-Z]+@|TODO|FIXME|XXX", read(name))


def test_the_screenshots_are_small_enough_for_a_slow_line() -> None:
    pictures = sorted(SCREENSHOTS.glob("*.png"))
    assert {picture.relative_to(ROOT).as_posix() for picture in pictures} <= {*links("README.md")}
    assert all(picture.stat().st_size <= 200_000 for picture in pictures)


def test_the_light_and_the_dark_screenshot_take_turns_without_moving_the_page() -> None:
    sizes = set()
    for scheme in ("light", "dark"):
        with Image.open(SCREENSHOTS / f"general-1280-{scheme}.png") as picture:
            sizes.add(picture.size)
    assert len(sizes) == 1


def test_the_program_starts_as_the_first_command_starts_it() -> None:
    assert run("--version").startswith("chatapp ")

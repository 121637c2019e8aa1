"""The list of threats is whole: every number is there, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "tests" / "threats.md").read_text(encoding="utf-8")
COUNT = 70
WIDEST = 120  # characters of a line, but for the names of tests


@dataclass(frozen=True, slots=True)
class Threat:
    """One section of the list."""

    number: int
    title: str
    prose: list[str]  # the paragraphs in front of the tests
    tests: list[str]
    rest: list[str]  # the paragraphs after them


def _read(section: str) -> Threat:
    heading, *blocks = [block for block in section.strip().split("\n\n") if not block.startswith("## ")]
    number, _, title = heading.partition(". ")
    [listed] = [place for place, block in enumerate(blocks) if block.startswith("- ")]
    tests = [re.fullmatch(r"- `([^`]+)`", line) for line in blocks[listed].splitlines()]
    return Threat(
        int(number), title, blocks[:listed], [match[1] if match else "" for match in tests], blocks[listed + 1 :]
    )


THREATS = [_read(section) for section in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]]


@cache
def names_of(path: str) -> set[str]:
    """Return the names of the tests of a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name for node in functions if node.name.startswith("test_")}


def test_every_threat_has_its_section() -> None:
    assert [threat.number for threat in THREATS] == list(range(1, COUNT + 1))


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: str(threat.number))
def test_a_section_says_what_is_required_and_which_tests_try_it(threat: Threat) -> None:
    assert threat.title
    required, *otherwise = threat.prose
    assert re.fullmatch(r"[^*]{20,}", required)
    assert not otherwise or re.fullmatch(r"\*\*Decided otherwise:\*\* .{20,}", "\n".join(otherwise), re.DOTALL)
    assert "Decided otherwise" not in required
    [standard] = threat.rest
    assert re.fullmatch(r"ASVS (\d+\.\d+\.\d+(, |$))+", standard)
    assert threat.tests
    for each in threat.tests:
        path, _, name = each.partition("::")
        assert name in names_of(path), each


def test_the_list_is_one_of_paragraphs_and_not_of_tables() -> None:
    for line in TEXT.splitlines():
        assert line.startswith("- `tests/") or (len(line) <= WIDEST and not line.startswith("|")), line

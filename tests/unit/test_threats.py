"""The table of threats is whole: every row is there, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "tests" / "threats.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLE.splitlines() if re.match(r"\| \d", line)
]
COUNT = 70


@cache
def names_of(path: str) -> set[str]:
    """Return the names of the tests of a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name for node in functions if node.name.startswith("test_")}


def test_every_threat_has_its_row() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, COUNT + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_is_required_and_which_tests_try_it(row: list[str]) -> None:
    _, threat, required, named, standard = row
    assert threat
    assert required
    assert "Decided otherwise" not in required or re.search(r"Decided otherwise[^:]*: .{20}", required)
    assert re.fullmatch(r"(\d+\.\d+\.\d+(, )?)+", standard)
    found = re.findall(r"`([^`]+)`", named)
    assert found
    for each in found:
        path, _, name = each.partition("::")
        assert name in names_of(path), each

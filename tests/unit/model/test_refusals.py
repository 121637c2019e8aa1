"""The one table of refusals, against everything that refuses."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from chatapp.model import refusals
from chatapp.model.refusals import TABLE, Close, Refusal, Rejected

PACKAGE = Path(refusals.__file__).parents[1]
MARKS = {"picture_damaged", "picture_damaged.stored", "picture_pixels", "picture_pixels.costly"}  # given by a variable


@cache
def trees() -> dict[str, ast.Module]:
    return {str(path.relative_to(PACKAGE)): ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}


def calls(name: str) -> Iterator[ast.Call]:
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == name:
                yield node


def raised() -> set[str]:
    """Return the rows that the code names, but for those that a variable names."""
    return {call.args[0].value for call in calls("Rejected") if isinstance(call.args[0], ast.Constant)}


def test_whatever_refuses_names_a_row_of_the_table() -> None:
    assert raised() <= TABLE.keys()


def test_every_row_is_used() -> None:
    assert not [name for name in TABLE.keys() - raised() - MARKS if not name.isdigit()]


def test_a_refusal_is_named_by_a_variable_only_where_this_test_knows_of_it() -> None:
    unnamed = [ast.unparse(call.args[0]) for call in calls("Rejected") if not isinstance(call.args[0], ast.Constant)]
    assert sorted(unnamed) == ["damaged", "name", "refusal['name']"]


def test_no_sentence_stands_twice() -> None:
    said = Counter(call.args[0].value for call in calls("N_") if isinstance(call.args[0], ast.Constant))
    assert not [sentence for sentence, count in said.items() if count > 1]


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_a_row_agrees_with_itself(row: Refusal) -> None:
    assert 400 <= row.status < 600
    assert row.reason.endswith((".", "{name}"))
    assert row.retry or row.after is None
    assert row.retry == (row.status in (429, 503)) or row.code in ("upload_quota", "429", "503")
    assert row.name.isdigit() or row.code.replace("_", "").isalpha()


def test_rows_of_one_code_have_one_status() -> None:
    statuses: dict[str, set[int]] = {}
    for row in TABLE.values():
        statuses.setdefault(row.code, set()).add(row.status)
    assert not {code: found for code, found in statuses.items() if len(found) > 1}


def test_close_codes_stand_nowhere_else() -> None:
    for file, tree in trees().items():
        numbers = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert file == "model/refusals.py" or not numbers & {4401, 4403, 4408, 1012, 1013}, file


def test_a_refusal_takes_everything_but_its_values_from_the_table() -> None:
    no = Rejected("upload_quota", limit=200)
    assert (no.code, no.status, no.retry, no.retry_after) == ("upload_quota", 429, False, None)
    assert no.reason.format(**no.values).startswith("You have reached the limit of 200 MB")
    assert Rejected("storage.unable").code == "storage"
    assert Rejected("storage.unable").retry_after == 2
    assert TABLE["restarting"].close is Close.RESTART


@pytest.mark.parametrize(("status", "sentence"), [(404, "404"), (403, "origin"), (417, "400"), (502, "500")])
def test_a_status_has_a_refusal_of_its_own_or_that_of_its_kind(status: int, sentence: str) -> None:
    refusal = Rejected.of_status(status)
    assert (refusal.code, refusal.status, refusal.reason) == (str(status), status, TABLE[sentence].reason)

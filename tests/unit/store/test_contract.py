"""The contract itself: stores keep all of it and add nothing, and its tests hold for any of them."""

from __future__ import annotations

import inspect
from pathlib import Path

from chatapp.store import Store, contract


def methods(noun: object) -> set[str]:
    return {name for name, _ in inspect.getmembers(noun, inspect.iscoroutinefunction) if not name.startswith("_")}


async def test_a_store_offers_what_the_contract_names_and_nothing_else(store: Store) -> None:
    promised = inspect.get_annotations(contract.Store, eval_str=True)
    nouns = {name: noun for name, noun in promised.items() if name != "adopted"}
    assert nouns
    for name, noun in nouns.items():
        assert methods(getattr(store, name)) == methods(noun), name
    assert methods(store) == methods(Store)


def test_the_tests_of_the_contract_look_into_no_store() -> None:
    tests = [path for path in Path(__file__).parent.glob("*.py") if path != Path(__file__)]
    assert not [path.name for path in tests if "store.sqlite" in path.read_text("utf-8")]
    assert not [path.name for path in tests if "._" in path.read_text("utf-8")]

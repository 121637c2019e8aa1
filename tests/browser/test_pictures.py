"""Pictures: three ways to choose them, the way they take, and how they are looked at."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import CDPSession, Page, Route, expect

from pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW = 1_000_000  # bytes of upload a second

# Put files where the operating system would: on the clipboard, or under the pointer.
_HAND_OVER = """([kind, files, text]) => {
    const data = new DataTransfer()
    if (text) data.setData('text/plain', text)
    for (const { name, type, bytes } of files)
        data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt())], name, { type }))
    const at = document.querySelector(kind === 'paste' ? '#text' : '#messages')
    const options = { bubbles: true, cancelable: true }
    if (kind === 'paste') return !at.dispatchEvent(new ClipboardEvent(kind, { ...options, clipboardData: data }))
    at.dispatchEvent(new DragEvent(kind, { ...options, dataTransfer: data }))
}"""


def file(name: str = "ảnh.png", data: bytes | None = None, mime: str = "image/png") -> dict[str, Any]:
    """Return a file as it is chosen."""
    return {"name": name, "mimeType": mime, "buffer": picture() if data is None else data}


def large_file(name: str = "large.png") -> dict[str, Any]:
    """Return a picture of about 2 MB: noise cannot be made smaller."""
    out = BytesIO()
    Image.frombytes("RGB", (830, 830), secrets.token_bytes(830 * 830 * 3)).save(out, "PNG")
    return file(name, out.getvalue())


async def hand_over(page: Page, kind: str, *files: dict[str, Any], text: str = "") -> bool:
    """Paste or drop files, or move them over the page. Tell whether the page took what was pasted."""
    given = [
        {"name": one["name"], "type": one["mimeType"], "bytes": base64.b64encode(one["buffer"]).decode()}
        for one in files
    ]
    return bool(await page.evaluate(_HAND_OVER, [kind, given, text]))


async def slow_line(page: Page) -> CDPSession:
    """Put the page behind a line that takes little; ``detach`` gives it back its own."""
    line = await page.context.new_cdp_session(page)
    options = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW}
    await line.send("Network.emulateNetworkConditions", options)
    return line


async def test_pictures_are_chosen_and_sent_with_a_caption(meet):
    an, binh = await meet("An"), await meet("Bình")
    await an.open()
    await binh.open()
    await an.page.locator("#choose").set_input_files([file("một.png"), file("hai.png"), file("ba.png")])
    previews = an.page.locator("#pictures .preview")
    await expect(previews).to_have_count(3)
    await expect(previews.first).to_contain_text("một.png")
    await an.page.get_by_role("button", name="Remove hai.png").click()
    await expect(previews).to_have_count(2)
    await expect(an.box).to_be_focused()
    await an.say("Hai tấm ảnh")
    await expect(previews).to_have_count(0)
    await an.waits_saved("Hai tấm ảnh")
    await binh.sees("Hai tấm ảnh")
    for person in (an, binh):
        images = person.message("Hai tấm ảnh").locator("img")
        await expect(images).to_have_count(2)
        await expect(images.first).to_have_attribute("alt", "một.png")
        await expect(images.nth(1)).to_have_attribute("alt", "ba.png")
        assert await images.evaluate_all(
            "images => Promise.all(images.map((one) => one.decode().then(() => one.naturalWidth > 0)))"
        ) == [True, True]


async def test_a_picture_is_pasted(meet):
    an = await meet("An")
    await an.open()
    await hand_over(an.page, "paste", file("từ bảng nhớ.png"))
    await expect(an.page.locator("#pictures .preview")).to_contain_text("từ bảng nhớ.png")
    await an.box.press("Enter")
    await expect(an.page.get_by_role("link", name="từ bảng nhớ.png")).to_have_count(1)


async def test_a_copied_file_is_taken_though_its_name_comes_as_text_and_real_text_stays_text(meet):
    an = await meet("An")
    await an.open()
    previews = an.page.locator("#pictures .preview")
    copied = [
        ("IMG_0042.png", "IMG_0042.png"),
        ("ảnh đẹp.png", "file:///home/an/%E1%BA%A3nh%20%C4%91%E1%BA%B9p.png\n"),
        ("100%.png", "C:\\Users\\An\\100%.png"),
    ]
    for count, (name, text) in enumerate(copied, 1):
        assert await hand_over(an.page, "paste", file(name), text=text)
        await expect(previews).to_have_count(count)
        await expect(previews.last).to_contain_text(name)
    assert await hand_over(an.page, "paste", file("x.png"), file("y.png"), text="x.png\r\ny.png")
    await expect(previews).to_have_count(5)
    for text in ("Tên\tĐiểm\nLan\t10", "see image.png", "image.png\nand more"):
        assert not await hand_over(an.page, "paste", file("image.png"), text=text)
    await expect(previews).to_have_count(5)


async def test_a_file_is_judged_by_its_bytes_whatever_it_is_called(meet):
    an = await meet("An")
    await an.open()
    refusal, previews = an.page.locator("#refusal"), an.page.locator("#pictures .preview")
    jpeg = picture("JPEG")
    await an.page.locator("#choose").set_input_files([file("a.jpg", jpeg, "image/jpg"), file("b", jpeg, "image/pjpeg")])
    await hand_over(an.page, "drop", file("c.dat", jpeg, "application/octet-stream"), file("d", picture("WEBP"), ""))
    await hand_over(an.page, "paste", file("e.txt", picture("GIF"), "text/plain"))
    await expect(previews).to_have_count(5)
    await hand_over(an.page, "drop", file("no.png", b"only text", "image/png"))
    await expect(refusal).to_contain_text("“no.png” is not a picture")
    await expect(previews).to_have_count(5)
    await an.say("five kinds of names")
    await an.waits_saved("five kinds of names")
    await expect(an.message("five kinds of names").locator("img")).to_have_count(5)


async def test_a_picture_keeps_its_shape_in_the_log_and_a_long_one_fades_and_is_read_in_full(meet):
    an = await meet("An", viewport={"width": 1280, "height": 800})
    await an.open()
    shapes = {"tall.png": (800, 1600), "wide.png": (1600, 400), "long.png": (1290, 9000), "small.png": (80, 40)}
    for name, size in shapes.items():
        await an.page.locator("#choose").set_input_files(file(name, picture("PNG", size)))
        await an.say(name)
        await an.waits_saved(name)
    for width in (1280, 360):
        await an.page.set_viewport_size({"width": width, "height": 800})
        for name, (across, down) in shapes.items():
            box = await an.message(name).locator("img").bounding_box()
            assert box
            assert box["height"] <= 449
            shape = 2.5 if name == "long.png" else down / across
            assert abs(box["height"] / box["width"] - shape) < 0.02 * shape + 1 / box["width"], (name, width, box)
    link = an.message("long.png").locator("a.shot")
    await expect(link).to_have_class(re.compile("below"))
    await expect(an.message("tall.png").locator("a.shot")).not_to_have_class(re.compile("below"))
    await an.page.set_viewport_size({"width": 1280, "height": 800})
    await link.click()
    stage = an.page.locator("#lightbox .stage")
    await expect(stage.locator("img")).to_have_js_property("naturalWidth", 1290)
    await expect(stage.locator("img")).to_have_js_property("width", 1280)
    assert await stage.evaluate("stage => stage.scrollHeight > 5 * stage.clientHeight")
    await an.page.keyboard.press("End")
    await expect(stage).not_to_have_js_property("scrollTop", 0)
    zoom = an.page.get_by_role("button", name="Large")
    await expect(zoom).to_have_attribute("aria-pressed", "true")
    await zoom.click()
    await expect(zoom).to_have_attribute("aria-pressed", "false")
    assert await stage.evaluate("stage => stage.scrollHeight <= stage.clientHeight")


# What a browser shows at each frame, and for how long.
_FRAMES = """async ([text, address]) => {
    const data = address
        ? await (await fetch(address)).arrayBuffer()
        : Uint8Array.from(atob(text), (character) => character.charCodeAt()).buffer
    const decoder = new ImageDecoder({ data, type: new Uint8Array(data)[0] === 0x47 ? 'image/gif' : 'image/webp' })
    await decoder.tracks.ready
    await decoder.completed
    const frames = []
    for (let n = 0; n < decoder.tracks.selectedTrack.frameCount; n++) {
        const { image } = await decoder.decode({ frameIndex: n })
        const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight)
        const pen = canvas.getContext('2d')
        pen.drawImage(image, 0, 0)
        frames.push([image.duration, ...pen.getImageData(0, 0, canvas.width, canvas.height).data])
    }
    return frames
}"""


async def test_every_frame_of_an_animation_is_what_the_browser_shows_of_the_original(meet):
    an = await meet("An")
    await an.open()
    frames = [Image.new("RGBA", (9, 9)) for _ in range(4)]
    for n, frame in enumerate(frames):
        frame.paste((200, 50 * n, 0, 255), (0, 0, 9, 9) if n == 0 else (n, n, n + 4, n + 4))
    out = BytesIO()
    options = {"save_all": True, "append_images": frames[1:], "duration": [50, 80, 60, 90]}
    frames[0].save(out, "GIF", disposal=[2, 3, 1, 2], **options)
    data = out.getvalue()
    await an.page.locator("#choose").set_input_files(file("x.gif", data, "image/gif"))
    await an.say("moving")
    await an.waits_saved("moving")
    before = await an.page.evaluate(_FRAMES, [base64.b64encode(data).decode(), None])
    address = await an.message("moving").locator("a.shot").get_attribute("href")
    after = await an.page.evaluate(_FRAMES, ["", address])
    assert len(before) == 4
    assert after == before


async def test_pictures_are_dropped_on_the_conversation(meet):
    an = await meet("An")
    await an.open()
    main = an.page.locator("#main")
    await hand_over(an.page, "dragover", file())
    await expect(main).to_have_class(re.compile("dropping"))
    await hand_over(an.page, "drop", file("thả.png"), file("rơi.jpg", picture("JPEG"), "image/jpeg"))
    await expect(main).not_to_have_class(re.compile("dropping"))
    await expect(an.page.locator("#pictures .preview")).to_have_count(2)
    await an.say("dropped")
    await an.waits_saved("dropped")
    await expect(an.message("dropped").locator("img")).to_have_count(2)


async def test_an_upload_tells_how_far_it_is(meet):
    an = await meet("An")
    await an.open()
    await slow_line(an.page)
    await an.page.locator("#choose").set_input_files(large_file())
    await an.page.evaluate("""() => {
        window.seen = []
        const look = () => {
            const bar = document.querySelector('#messages progress')
            if (bar && bar.value !== window.seen.at(-1)) window.seen.push(bar.value)
            requestAnimationFrame(look)
        }
        look()
    }""")
    await an.say("a large one")
    upload = an.message("a large one").locator(".state")
    await expect(upload).to_have_text(re.compile(r"Uploading [1-9]\d?%"))
    await an.box.press_sequentially("meanwhile")
    await an.waits_saved("a large one")
    seen = await an.page.evaluate("window.seen")
    assert len(seen) >= 4
    assert seen == sorted(seen)
    await expect(an.box).to_have_value("meanwhile")


async def test_an_upload_is_cancelled_and_everything_comes_back_to_the_box(meet):
    an = await meet("An")
    an.excuse("ERR_ABORTED")
    await an.open()
    line = await slow_line(an.page)
    await an.page.locator("#choose").set_input_files([large_file("chậm.png")])
    await an.say("never mind")
    await an.message("never mind").get_by_role("button", name="Cancel").click()
    await expect(an.message("never mind")).to_have_count(0)
    await expect(an.box).to_have_value("never mind")
    await expect(an.page.locator("#pictures .preview")).to_contain_text("chậm.png")
    await line.detach()
    await an.box.press("Enter")
    await an.waits_saved("never mind")
    await expect(an.message("never mind").locator("img")).to_have_count(1)


async def test_what_is_no_picture_is_refused_before_any_upload(meet):
    an = await meet("An")
    await an.open()
    await an.box.fill("my caption")
    refusal, previews = an.page.locator("#refusal"), an.page.locator("#pictures .preview")
    choose = an.page.locator("#choose")
    await choose.set_input_files([file("good.png"), file("letter.pdf", b"%PDF-1.7", "application/pdf")])
    await expect(refusal).to_contain_text("“letter.pdf” is not a picture")
    await expect(previews).to_have_count(1)
    await choose.set_input_files(file("drawing.svg", b"<svg/>", "image/svg+xml"))
    await expect(refusal).to_contain_text("“drawing.svg”")
    await choose.set_input_files(file("empty.png", b""))
    await expect(refusal).to_contain_text("“empty.png”")
    await choose.set_input_files(file("huge.png", bytes(10 * 2**20 + 1)))
    await expect(refusal).to_contain_text("“huge.png” is too big: a picture may have at most 10 MB")
    await choose.set_input_files([file(f"{n}.png") for n in range(10)])
    await expect(refusal).to_contain_text("at most 10 pictures")
    await expect(previews).to_have_count(10)
    await expect(an.box).to_have_value("my caption")


async def test_what_only_the_server_can_tell_is_refused_and_nothing_is_lost(meet):
    an = await meet("An")
    an.excuse("status of 422")
    await an.open()
    half = picture("JPEG", (900, 900))[:900]
    choose = an.page.locator("#choose")
    await choose.set_input_files([file("whole.png"), file("half.jpg", half, "image/jpeg")])
    await an.say("one is broken")
    mine = an.message("one is broken")
    await expect(mine).to_have_attribute("data-state", "failed")
    await expect(mine.locator(".state")).to_contain_text("damaged")
    await mine.get_by_role("button", name="Discard").click()
    await expect(an.box).to_have_value("one is broken")
    await expect(an.page.locator("#pictures .preview")).to_have_count(2)
    await an.page.get_by_role("button", name="Remove half.jpg").click()
    await an.box.press("Enter")
    await an.waits_saved("one is broken")
    await expect(mine.locator("img")).to_have_count(1)


async def test_a_picture_whose_request_or_answer_is_lost_arrives_once_under_its_key(meet, server):
    an, binh = await meet("An"), await meet("Bình")
    for person in (an, binh):
        person.excuse_outage()
        await person.open()
    keys: list[str] = []

    async def lose(route: Route) -> None:
        keys.append(_key(route.request.post_data_buffer))
        if len(keys) == 2:
            await route.fetch()
        if len(keys) <= 2:
            return await route.abort()
        return await route.continue_()

    await an.page.route("**/rooms/general/messages", lose)
    await server.stop()
    await an.page.locator("#choose").set_input_files(file("bền bỉ.png"))
    await an.say("it gets there")
    await expect(an.message("it gets there")).to_have_attribute("data-state", "queued")
    await server.start()
    await an.waits_saved("it gets there")
    await binh.sees("it gets there")
    await an.page.reload()
    await an.sees("it gets there")
    await expect(an.message("it gets there").locator("img")).to_have_count(1)
    assert len(keys) >= 2
    assert len(set(keys)) == 1


def _key(body: bytes | None) -> str:
    found = re.search(rb'name="key"\r\n\r\n([\w-]+)', body or b"")
    return found[1].decode() if found else ""


async def test_a_picture_is_seen_in_full_size_and_the_focus_comes_back(meet):
    an = await meet("An")
    await an.open()
    await an.page.locator("#choose").set_input_files([file("left.png"), file("right.png")])
    await an.say("look at these")
    await an.waits_saved("look at these")
    left, right = (an.message("look at these").get_by_role("link", name=name) for name in ("left.png", "right.png"))
    dialog = an.page.locator("#lightbox")
    await right.focus()
    await an.page.keyboard.press("Enter")
    await expect(dialog).to_be_visible()
    await expect(dialog.locator("img")).to_have_js_property("src", an.url + await right.get_attribute("href"))
    await expect(dialog.locator("img")).to_have_js_property("naturalWidth", 320)
    assert await an.page.evaluate("lightbox.contains(document.activeElement)")
    await an.page.keyboard.press("ArrowLeft")
    await expect(dialog.locator("img")).to_have_attribute("alt", "left.png")
    await an.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(left).to_be_focused()
    await left.click()
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_be_hidden()


async def test_nothing_jumps_while_pictures_load(meet):
    an, binh = await meet("An"), await meet("Bình")
    await binh.open()
    tall, wide = picture("PNG", (300, 900)), picture("PNG", (1600, 400))
    await binh.page.locator("#choose").set_input_files([file("tall.png", tall)])
    await binh.say("a tall one")
    await binh.waits_saved("a tall one")
    await binh.page.locator("#choose").set_input_files([file("wide.png", wide), file("tall.png", tall)])
    await binh.say("two of them")
    await binh.waits_saved("two of them")
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await an.page.route("**/images/**", hold)
    await an.page.goto("/rooms/general", wait_until="domcontentloaded")
    await an.sees("two of them")
    boxes = "() => [...document.querySelectorAll('#messages .msg')].map((one) => one.getBoundingClientRect().top)"
    before = await an.page.evaluate(boxes)
    held.set()
    for image in await an.message("two of them").locator("img").all():
        await image.evaluate("image => image.decode()")
    assert await an.page.evaluate(boxes) == before
    await expect(an.page.locator("#messages img:not([width][height])")).to_have_count(0)

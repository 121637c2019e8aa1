"""How passwords are kept, and how little the program tells about them."""

import asyncio
import hashlib
import statistics
import threading
import time
import unicodedata
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chatapp.model.refusals import Rejected
from chatapp.workers.passwords import CHEAPEST, OWASP, THREADS, WAITING, Cost, Passwords, check_new

PHRASE = "con mèo trèo cây cau"


@pytest_asyncio.fixture
async def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(CHEAPEST)
    yield passwords
    passwords.close()


async def test_a_password_is_verified_by_its_hash_only(passwords: Passwords) -> None:
    stored = await passwords.hash(PHRASE)
    assert PHRASE not in stored
    assert await passwords.verify(PHRASE, stored)
    assert not await passwords.verify(PHRASE + ".", stored)
    assert not await passwords.verify(PHRASE, None)
    assert not await passwords.verify(PHRASE, "")
    assert not await passwords.verify(PHRASE, "$argon2id$v=19$broken")


async def test_equal_passwords_have_unequal_hashes(passwords: Passwords) -> None:
    assert await passwords.hash(PHRASE) != await passwords.hash(PHRASE)


async def test_the_real_hash_is_argon2id_as_owasp_advises_in_the_common_format() -> None:
    passwords = Passwords(OWASP)
    stored = await passwords.hash(PHRASE)
    passwords.close()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    Argon2id.verify_phc_encoded(PHRASE.encode(), stored)


async def test_every_byte_of_a_long_password_counts(passwords: Passwords) -> None:
    stored = await passwords.hash("x" * 256)
    assert not await passwords.verify("x" * 255 + "y", stored)
    assert not await passwords.verify("x" * 72, stored)


async def test_a_password_works_from_a_keyboard_that_composes_otherwise(passwords: Passwords) -> None:
    stored = await passwords.hash(unicodedata.normalize("NFD", PHRASE))
    assert await passwords.verify(unicodedata.normalize("NFC", PHRASE), stored)


async def test_an_enormous_password_is_wrong_at_once(passwords: Passwords) -> None:
    enormous = "x" * 10**7
    stored = hashlib.sha256(enormous.encode()).hexdigest()
    start = time.process_time()
    assert not await passwords.verify(enormous, stored)
    assert time.process_time() - start < 0.1


async def test_half_a_character_is_wrong_rather_than_an_error(passwords: Passwords) -> None:
    assert not await passwords.verify("\ud800", await passwords.hash(PHRASE))
    assert not await passwords.verify("\ud800", "0" * 64)


async def test_a_hash_of_the_first_version_is_accepted_once_and_then_replaced(passwords: Passwords) -> None:
    old = hashlib.sha256(PHRASE.encode()).hexdigest()
    assert await passwords.verify(PHRASE, old)
    assert await passwords.verify(PHRASE, old.upper())
    assert not await passwords.verify("another", old)
    assert passwords.needs_rehash(old)
    assert not passwords.needs_rehash(await passwords.hash(PHRASE))


async def test_a_hash_of_another_cost_is_replaced(passwords: Passwords) -> None:
    other = Passwords(Cost(memory=16, passes=1))
    stored = await other.hash(PHRASE)
    other.close()
    assert await passwords.verify(PHRASE, stored)
    assert passwords.needs_rehash(stored)


async def test_no_user_an_old_hash_and_a_wrong_password_take_the_same_time() -> None:
    cost = Cost(memory=4_096, passes=1)  # slow enough to be measured, quick enough to be repeated
    passwords = Passwords(cost)
    cases: list[str | None] = [await passwords.hash(PHRASE), None, hashlib.sha256(b"x").hexdigest()]
    times: list[list[float]] = [[] for _ in cases]
    for _ in range(25):
        for case, taken in zip(cases, times, strict=True):
            start = time.perf_counter()
            assert not await passwords.verify("wrong", case)
            taken.append(time.perf_counter() - start)
    passwords.close()
    medians = [statistics.median(taken) for taken in times]
    assert max(medians) < 1.5 * min(medians)


async def test_more_than_the_queue_holds_is_refused_and_the_rest_is_done(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody_came = threading.Event()  # until then nothing is done, however fast this machine is
    honest = passwords._hash
    monkeypatch.setattr(passwords, "_hash", lambda material: everybody_came.wait() and honest(material))
    work = [asyncio.create_task(passwords.hash(PHRASE)) for _ in range(THREADS + WAITING + 3)]
    await asyncio.sleep(0)
    everybody_came.set()
    results = await asyncio.gather(*work, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Rejected)]
    assert len(refused) == 3
    assert all(no.code == "busy" and no.retry and no.retry_after for no in refused)
    assert sum(isinstance(result, str) for result in results) == THREADS + WAITING
    assert await passwords.hash(PHRASE)


@pytest.mark.parametrize("password", ["tám kýtự", "x" * 64, PHRASE, "y" * 256, "🦊🐻🐼🐨🐯🦁🐮🐷", "        1"])
def test_any_characters_make_a_password(password: str) -> None:
    check_new(password)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "password_short"),
        ("bảy chữ", "password_short"),
        ("x" * 257, "password_long"),
        ("\ufdfa" * 200, "password_long"),
        ("password1", "password_common"),
        ("PassWord1", "password_common"),
        ("12345678", "password_common"),
        ("anhyeuem", "password_common"),
    ],
)
def test_a_bad_new_password_is_refused_with_its_reason(password: str, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        check_new(password)
    assert refused.value.code == code

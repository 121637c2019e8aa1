"""The benches: what they refuse, what they leave alone, and how they count."""

from __future__ import annotations

import asyncio
import importlib
import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[1] / "bench"
SCRIPTS = sorted(path.name for path in BENCH.glob("bench_*.py"))
MODULES = {path.stem for path in BENCH.glob("*.py")}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a bench reads /proc")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Import as a script in that folder does; afterwards its short names mean again what they meant."""
    before = {name: sys.modules.pop(name) for name in MODULES & sys.modules.keys()}
    monkeypatch.syspath_prepend(str(BENCH))
    cores = os.sched_getaffinity(0)
    yield Bench()
    os.sched_setaffinity(0, cores)
    for name in MODULES & sys.modules.keys():
        del sys.modules[name]
    sys.modules.update(before)


class Bench:
    """The modules of the benches."""

    def __getattr__(self, name: str) -> ModuleType:
        return importlib.import_module(name)


# --- what a bench refuses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_address_that_others_may_reach_is_refused_without_the_flag_for_it(script: str) -> None:
    command = [sys.executable, str(BENCH / script), "--quick", "--host", "0.0.0.0"]
    surroundings = os.environ | {"PYTHONPATH": str(BENCH.parents[1])}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "0.0.0.0 is not an address of this machine alone; --anywhere allows it all the same." in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "chat.example.org", "localhost", ""])
def test_a_name_is_not_trusted_to_mean_this_machine(bench: Bench, host: str) -> None:
    assert not bench.measure.is_loopback(host)


def test_the_flag_for_it_and_loopback_addresses_are_taken(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(bench.machine, "open_files", lambda: 1024)
    for words in (["--host", "127.0.0.2"], ["--host", "192.0.2.1", "--anywhere"], []):
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        assert bench.measure.options("A bench.").host == (words[1] if words else "127.0.0.1")


# --- what a bench leaves alone --------------------------------------------------------------------------------------


def test_a_server_is_told_nothing_that_chatapp_is_told_here_otherwise(bench: Bench) -> None:
    told = bench.server.environment({"CHATAPP_DATABASE": "/srv/chat.db", "CHATAPP_PORT": "80", "LANG": "vi"})
    assert told["LANG"] == "vi"
    assert not {"CHATAPP_DATABASE", "CHATAPP_PORT"} & told.keys()


def test_a_given_database_is_not_touched(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = tmp_path / "chat.db"
    monkeypatch.setenv("CHATAPP_DATABASE", str(precious))
    monkeypatch.chdir(tmp_path)
    with bench.measure.chatapp("127.0.0.1") as server:
        assert server.database.exists()
        folder = server.folder
    assert list(tmp_path.iterdir()) == []
    assert not folder.exists()


# --- those that need no server --------------------------------------------------------------------------------------


def test_the_bench_of_commits_compares_both_ways(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.bench_commit, "AUTHORS", (2,))
    rows = asyncio.run(bench.bench_commit.compare(tmp_path, 1, 1.0))
    assert [row[:2] for row in rows] == [["2", "group commit"], ["2", "of its own"]]


@pytest.mark.timeout(150)
@pytest.mark.parametrize("script", ["bench_commit.py", "bench_history.py"])
def test_a_bench_that_fails_ends_and_leaves_nothing(script: str, tmp_path: Path) -> None:
    fails = "import measure, runpy, sys; measure.percentile = None; runpy.run_path(sys.argv[0], run_name='__main__')"
    code = f"import sys; sys.argv = [{str(BENCH / script)!r}, '--quick']; sys.path.insert(0, {str(BENCH)!r}); {fails}"
    surroundings = os.environ | {"PYTHONPATH": str(BENCH.parents[1]), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, check=False, timeout=110)
    assert b"TypeError" in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- how a bench counts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1, 100)])
def test_a_percentile_is_the_smallest_value_that_so_many_are_not_above(bench: Bench, share: float, value: int) -> None:
    assert bench.measure.percentile(range(100, 0, -1), share) == value
    times = bench.measure.Times()
    for each in range(100, 0, -1):
        times.add(each / 1000)
    assert times.percentile(share) == value


def test_times_count_as_often_as_they_were_seen(bench: Bench) -> None:
    times = bench.measure.Times()
    times.add(0.001, 99)
    times.add(0.5)
    assert len(times) == 100
    assert (times.percentile(0.99), times.percentile(1)) == (1, 500)


def test_nothing_measured_is_shown_as_a_dash(bench: Bench) -> None:
    measure = bench.measure
    assert math.isnan(measure.percentile([], 0.5))
    assert math.isnan(measure.Times().percentile(0.5))
    assert (measure.number(math.nan), measure.spread([math.nan])) == ("-", "-")


def test_rounds_that_are_known_give_the_median_and_the_ends(bench: Bench) -> None:
    assert bench.measure.spread([3, math.nan, 1, 2_000]) == "3 (1-2,000)"


def loopbacks() -> list[str]:
    """Return the addresses of this machine that only it can reach; not every system has the second one."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


@pytest.mark.parametrize("host", loopbacks())
def test_a_crowd_counts_each_delivery_and_what_is_lost(bench: Bench, host: str) -> None:
    """Two sockets in one room on chatapp itself: two messages, each heard twice and saved once."""
    with (
        bench.measure.chatapp(host) as server,
        bench.crowd.Crowd(server, bench.browser.people(server, 2)) as crowd,
    ):
        crowd.connect(2)
        result = crowd.talk_alone(2, 0)
        assert (result.messages, result.deliveries, len(result.saved), crowd.lost) == (2, 4, 2, 0)
        server.stop()
        while crowd.lost < 2:  # as each socket is seen to be closed
            crowd.rest(0.01)

"""What CI installs is written down to the version, and an audit that looked nothing up is no clean one."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from audit import CONSTRAINTS, complaints, normalised, pinned

ROOT = Path(__file__).resolve().parents[2]
PINNED = pinned(CONSTRAINTS.read_text(encoding="utf-8"))


def required() -> list[Requirement]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    groups = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    return [Requirement(line) for group in groups for line in group.split("\n") if line and not line.startswith("#")]


def test_every_line_is_a_name_and_one_exact_version() -> None:
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            requirement = Requirement(line)
            assert [each.operator for each in requirement.specifier] == ["=="], line
            assert requirement.marker is None, line
            assert requirement.url is None, line


@pytest.mark.parametrize("requirement", required(), ids=str)
def test_whatever_the_project_asks_for_has_a_version_that_it_allows(requirement: Requirement) -> None:
    assert requirement.specifier.contains(PINNED[normalised(requirement.name)])


def test_ci_installs_these_versions() -> None:
    assert "--constraint constraints.txt" in (ROOT / "tests" / "run").read_text(encoding="utf-8")


def answer(name: str, version: str = "1.0", **more: object) -> dict[str, object]:
    return {"name": name, "version": version, **more}


def test_an_audit_is_clean_only_when_every_package_was_looked_up() -> None:
    wanted = {"aiohttp": "1.0", "ruff": "1.0"}
    clean = {"dependencies": [answer("aiohttp", vulns=[]), answer("Ruff", vulns=[])]}
    assert list(complaints(clean, wanted)) == []


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({}, "was not looked up"),
        ({"dependencies": []}, "was not looked up"),
        ({"dependencies": [{"name": "aiohttp", "skip_reason": "Dependency not found on PyPI"}]}, "not found on PyPI"),
        ({"dependencies": [answer("aiohttp", "0.9", vulns=[])]}, "was not looked up"),
        (
            {"dependencies": [answer("aiohttp", vulns=[{"id": "CVE-1", "fix_versions": ["1.1"]}])]},
            "CVE-1; fixed in: 1.1",
        ),
    ],
)
def test_an_audit_complains_of_what_is_vulnerable_and_of_what_was_not_looked_up(report: object, words: str) -> None:
    [complaint] = complaints(report, {"aiohttp": "1.0"})
    assert words in complaint

"""The locked versions are what the project asks for, with hashes and without an address."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _locked(lock: str) -> set[str]:
    lines = (ROOT / lock).read_text().splitlines()
    return {_name(line) for line in lines if re.match(r"[A-Za-z0-9]", line)}


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        (
            "requirements.lock",
            PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"],
        ),
        ("requirements-dev.lock", PROJECT["dependency-groups"]["dev"]),
    ],
)
def test_what_the_project_asks_for_is_locked(lock: str, asked: list[str]) -> None:
    assert {_name(requirement) for requirement in asked} - _locked(lock) == set(), "run `make lock`"


@pytest.mark.parametrize("lock", [path.name for path in ROOT.glob("requirements*.lock")])
def test_every_locked_version_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []

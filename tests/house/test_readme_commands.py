"""The README's commands run, as they stand, against real servers."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import servers
from tests.house import readme_commands
from tests.servers import Mosquitto

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")


@pytest.mark.parametrize("name", READMES)
def test_every_shell_block_says_where_it_runs(name: str) -> None:
    assert readme_commands.unmarked((ROOT / name).read_text()) == []


@pytest.mark.parametrize(
    "name", [*READMES, *(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))]
)
def test_what_a_page_links_to_is_there(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = ((ROOT / name).read_text() for name in READMES)
    assert _bare(readme_commands.runnable(chinese)) == _bare(readme_commands.runnable(english))
    assert readme_commands.files(chinese) == readme_commands.files(english)


def test_the_commands_run(
    database: str, mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text()
    told = {
        "postgresql://fengsui:beacon@127.0.0.1:5432/fengsui": database,
        "1883": str(mosquitto().port),
        "8000": (port := str(servers.free_port())),
    }
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for name, text in readme_commands.files(readme).items():
        (tmp_path / name).write_text(_here(text, told))
    blocks = [_here(block, told) for block in readme_commands.runnable(readme)]
    done = readme_commands.run(
        blocks, folder=tmp_path, env={"FENGSUI_HTTP_PORT": port}, deadline_s=100
    )
    assert done.returncode == 0, done.stdout[-8000:]


def _here(text: str, told: dict[str, str]) -> str:
    """Put this test's servers where the README names the usual addresses."""
    for there, here in told.items():
        text = text.replace(there, here)
    return text


def _bare(blocks: list[str]) -> list[list[str]]:
    """Return the commands without their remarks, which are in the reader's language."""
    return [
        [line.partition(" #")[0].strip() for line in block.splitlines() if line.strip()]
        for block in blocks
    ]

"""Take the commands out of a README and run them as a reader would, one shell for all."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_BLOCK = re.compile(
    r"^<!-- runs(?P<how>[^>]*)-->\n```sh\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


def runnable(readme: str, *, how: str = "") -> list[str]:
    """Return the blocks marked `<!-- runs -->`, or `<!-- runs HOW -->`, in their order."""
    return [match["text"] for match in _BLOCK.finditer(readme) if match["how"].strip() == how]


def files(readme: str) -> dict[str, str]:
    """Return the files a README shows, by name: `<!-- file NAME -->` before a Python block."""
    shown = re.findall(
        r"^<!-- file (\S+) -->\n```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE
    )
    return dict(shown)


def unmarked(readme: str) -> list[str]:
    """Return the shell blocks that carry no mark: nothing would notice when they break."""
    marked = {match["text"] for match in _BLOCK.finditer(readme)}
    shell = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    return [text for text in shell if text not in marked]


def run(
    blocks: Sequence[str], *, folder: Path, env: Mapping[str, str], deadline_s: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run the blocks in one bash in this folder; stop at the first command that fails.

    What the blocks leave running in the background is ended.
    """
    script = folder / "readme.sh"
    script.write_text("set -eux\n" + "\n".join(blocks))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FENGSUI_")}
    said = script.with_suffix(".out")
    with (
        said.open("wb") as out,
        subprocess.Popen(
            ["bash", str(script)],
            cwd=folder,
            env={**inherited, **env, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as shell,
    ):
        ended = threading.Timer(deadline_s, _end, (shell.pid,))
        ended.start()
        try:
            code = shell.wait()
        finally:
            ended.cancel()
            _end(shell.pid)
    return subprocess.CompletedProcess(shell.args, code, said.read_text(errors="replace"))


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)

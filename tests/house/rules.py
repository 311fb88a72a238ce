"""The house rules as functions of a source tree: each returns its breaches, one line each."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path

ROOMS = ("alarms", "ingest", "api", "simulators", "dashboards", "fengsui")
LONGEST = 400
EMPTY_NAMES = frozenset(
    "base common data helper helpers info manager managers misc util utils".split()  # noqa: SIM905
)
_PRUNED = {"node_modules", "dist", "__pycache__"}
_SQL = re.compile(
    r"\b(select\s.*\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s"
    r"|(create|drop|alter)\s+(table|database|extension|role|view|index)\b|copy\s+\w+\s*\()",
    re.IGNORECASE | re.DOTALL,
)
# Written in pieces, so that this file does not break its own rule.
_FOREIGN = re.compile(
    "|".join(
        re.escape(host)
        for host in (
            "pypi" + ".org",
            "python" + "hosted.org",
            "registry.npm" + "js.org",
            "npm" + "mirror.com",
            "deb.debian" + ".org",
            "security.debian" + ".org",
            "archive.ubuntu" + ".com",
            "proxy.golang" + ".org",
            "/wo" + "rk/",
            "/ro" + "ot/",
            "/opt/whe" + "els",
        )
    )
)


def python_files(root: Path, *, rooms: Iterable[str] = (*ROOMS, "tests")) -> Iterator[Path]:
    """Yield the Python files of these rooms."""
    for room in rooms:
        for file in sorted((root / room).rglob("*.py")):
            if not _PRUNED.intersection(file.relative_to(root).parts):
                yield file


def too_long(root: Path) -> list[str]:
    """Find files that answer two questions: more than 400 lines."""
    counted = ((file, len(file.read_text().splitlines())) for file in python_files(root))
    return [
        f"{file.relative_to(root)} has {lines} lines, at most {LONGEST}: split it by question"
        for file, lines in counted
        if lines > LONGEST
    ]


def undescribed(root: Path) -> list[str]:
    """Find files that do not open with one sentence saying what they are for."""
    found = []
    for file in python_files(root):
        first = (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
        if not first.endswith((".", "?", "。")):
            found.append(f"{file.relative_to(root)} must open with one sentence of docstring")
    return found


def empty_names(root: Path) -> list[str]:
    """Find modules and classes named by words that say nothing."""
    found = []
    for file in python_files(root):
        place = file.relative_to(root)
        named = [file.parent.name if file.stem == "__init__" else file.stem]
        named += [
            re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", node.name)
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ClassDef)
        ]
        found += [
            f"{place}: `{name}` says nothing; use the operators' word"
            for name in named
            if EMPTY_NAMES.intersection(name.lower().split("_"))
        ]
    return found


def stray_sql(root: Path) -> list[str]:
    """Find SQL outside alarms/storage."""
    found = []
    for file in python_files(root, rooms=ROOMS):
        place = file.relative_to(root)
        if place.parts[:2] == ("alarms", "storage"):
            continue
        tree = ast.parse(file.read_text())
        described = {id(text) for text in _docstrings(tree)}
        found += [
            f"{place}:{node.lineno}: SQL belongs in alarms/storage"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in described
            and _SQL.search(node.value)
        ]
    return found


def core_that_stores(root: Path) -> list[str]:
    """Find core modules that import alarms.storage: the core is told, it does not fetch."""
    found = []
    for file in python_files(root, rooms=("alarms",)):
        place = file.relative_to(root)
        if place.parts[1] == "storage":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            if any(f"{name}.".startswith("alarms.storage.") for name in names):
                found.append(f"{place}:{node.lineno}: the core must not import alarms.storage")
    return found


def committed_files(root: Path) -> list[Path]:
    """Return the files that are or would be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]


def foreign_places(files: Iterable[Path]) -> list[str]:
    """Find names of package registries' hosts and of one machine's folders."""
    found = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if match := _FOREIGN.search(line):
                found.append(f"{file}:{number}: {match.group()} must not be committed")
    return found


def intruders(distributions: Iterable[Distribution]) -> list[str]:
    """Find other distributions that ship a top-level package of one of our names."""
    found = []
    for distribution in distributions:
        name = distribution.metadata["Name"]
        if name == "fengsui":
            continue
        taken = {file.parts[0].removesuffix(".py") for file in distribution.files or ()}
        found += [
            f"{name} ships {room}/, which would stand in for ours"
            for room in (*ROOMS, "tests")
            if room in taken
        ]
    return found


def settings_of(root: Path) -> set[str]:
    """Return the variables that fengsui/settings.py reads."""
    tree = ast.parse((root / "fengsui/settings.py").read_text())
    fields = next(
        node.body
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    named = [field.target for field in fields if isinstance(field, ast.AnnAssign)]
    return {f"FENGSUI_{name.id.upper()}" for name in named if isinstance(name, ast.Name)} | {
        "FENGSUI_CONFIG"
    }


def settings_told(readme: str) -> set[str]:
    """Return the variables that a README's table of settings explains."""
    rows = [line for line in readme.splitlines() if line.startswith("| `FENGSUI_")]
    return {name for row in rows for name in re.findall(r"FENGSUI_[A-Z_]+", row.split("|")[1])}


def wrong_settings(root: Path, readme: str) -> list[str]:
    """Find settings the README does not explain, and explained ones that are none."""
    real, told = settings_of(root), settings_told((root / readme).read_text())
    return [f"{readme} does not explain {name}" for name in sorted(real - told)] + [
        f"{readme} explains {name}, which is no setting" for name in sorted(told - real)
    ]


def _docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value

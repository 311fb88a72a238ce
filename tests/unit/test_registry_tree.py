"""The registry file as a tree: lines kept, YAML's traps refused by name, JSON the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import registry_tree
from alarms.registry_tree import Items, Node, Plain, Table


def problems(document: str | bytes) -> list[str]:
    _, faults = registry_tree.read(document.encode() if isinstance(document, str) else document)
    return [str(fault) for fault in faults]


def test_every_key_and_item_knows_its_line() -> None:
    root, faults = registry_tree.read(b"a: 1\nb:\n  - x\n  - {c: y}\n")
    assert faults == ()
    assert isinstance(root, Table)
    assert root.lines == {"a": 1, "b": 2}
    listed = root.entries["b"]
    assert isinstance(listed, Items)
    assert listed.lines == [3, 4]


def test_json_is_the_same_tree() -> None:
    in_json, _ = registry_tree.read(b'{"a": [1, 2.5, 1e5, true, null, "x"]}')
    in_yaml, _ = registry_tree.read(b"a: [1, 2.5, 1e5, true, null, x]")
    assert in_json == in_yaml


@pytest.mark.parametrize(
    ("word", "value"),
    [("12", 12), ("-0.5", -0.5), ("1e5", 1e5), ("yes", True), ("~", None), ("0", 0)],
)
def test_an_unquoted_word_is_what_yaml_says(word: str, value: object) -> None:
    found = registry_tree.plain(word)
    assert isinstance(found, Plain)
    assert found.value == value


@pytest.mark.parametrize("word", ["0755", "0x1f", "12:30", "1_000", "2024-01-01"])
def test_a_number_in_another_base_or_a_date_is_no_number(word: str) -> None:
    found = registry_tree.plain(word)
    assert isinstance(found, Plain)
    assert found.value == word


@pytest.mark.parametrize("word", ["7664-41-7", "510681P01", "TK101.LT", "e12", "氨", "-", "1-2"])
def test_a_word_that_only_looks_like_a_number_is_text(word: str) -> None:
    assert registry_tree.plain(word) == word


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("a: 1\na: 2", "line 2: a: stands here and in line 1 already"),
        ("x: {a: 1, a: 2}", "line 1: x.a: stands here"),
        ("a: &a [1]\nb: *a", "line 2: file: *a repeats"),
        ("a: !!python/object:os.system x", "is a YAML tag"),
        ("--- {}\n--- {}", "line 2: file: a second document"),
        ("[a, b]", "line 1: file: a registry file is a mapping"),
        ("", "a registry file is a mapping"),
        ("a: [", "is not YAML"),
        ("a:\n\t- b", "line 2: file: this is not YAML"),
        ("? [a]\n: b", "where a key is wanted"),
        ("a: " + "[" * 40, "levels deep"),
        ("a: \x01", "control character"),
    ],
)
def test_a_trap_of_yaml_is_refused_by_name(document: str, said: str) -> None:
    assert any(said in problem for problem in problems(document)), problems(document)


def test_a_file_in_gbk_is_told_to_be_utf_8() -> None:
    assert "UTF-8" in problems("# x\nname: 德阳".encode("gbk"))[0]
    assert problems("# x\nname: 德阳".encode("gbk"))[0].startswith("line 2")


def test_a_byte_order_mark_is_no_fault() -> None:
    assert problems(b"\xef\xbb\xbfa: 1") == []


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    found = problems(b"#" * (registry_tree.MAX_BYTES + 1))
    assert "split it by enterprise" in found[0]


def test_an_alias_bomb_stays_small() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    assert len(problems(bomb)) == 29 * 9


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_the_bytes_the_reader_answers(document: bytes) -> None:
    root, faults = registry_tree.read(document)
    assert root is not None or faults


def bare(node: Node | None) -> object:
    """Return a tree without its lines."""
    match node:
        case Table(entries=entries):
            return {key: bare(value) for key, value in entries.items()}
        case Items(items=items):
            return [bare(each) for each in items]
        case _:
            return node


def lines(node: Node | None) -> set[int]:
    """Return the lines of all of a tree's parts."""
    match node:
        case Table(line=line, lines=own, entries=below):
            return {line, *own.values()}.union(*map(lines, below.values()))
        case Items(line=line, lines=own, items=below):
            return {line, *own}.union(*map(lines, below))
        case _:
            return set()


WORDS = st.one_of(
    st.text(),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    WORDS, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=20
)


@given(st.dictionaries(st.text(), VALUES), st.booleans())
def test_json_read_quickly_is_the_same_tree_and_of_one_line_with_its_lines(
    document: dict[str, object], is_ascii: bool
) -> None:
    written = json.dumps(document, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    quickly = registry_tree.quick(written)
    slowly, faults = registry_tree.read(written)
    if quickly is not None and not faults:
        assert bare(quickly) == bare(slowly)
        assert quickly.line == 0 or lines(slowly) == {1}
    if quickly is None:
        assert not written.isascii() or b"\\u" in written


@pytest.mark.parametrize(
    "document",
    [
        '{"a": 1, "a": 2}',
        "a: 1",
        "[1]",
        '{"a": 1} x',
        '{"a": NaN',
        '{"a": "\\ud800"}',
        '{"a": "\x7f"}',
    ],
)
def test_what_is_no_sound_json_is_left_to_the_slow_reader(document: str) -> None:
    assert registry_tree.quick(document.encode()) is None

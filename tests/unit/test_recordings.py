"""Recordings are read row by row, every bad row is named, and batches keep the order of receipt."""

import gzip
import re
from pathlib import Path

import pytest

from simulators import replay
from simulators.errors import RequestError, SimulatorError
from simulators.recording import RecordingError
from simulators.replay import Gateways

AT = 1763712000000
"""2025-11-21T08:00:00Z, from which the short stamps of these tests count, milliseconds."""


def dated(text: str) -> str:
    """Turn stamps of up to four digits, at a line's beginning or in `received`, into real ones."""
    text = re.sub(r"(?m)^(\d{1,4}),", lambda found: f"{AT + int(found[1])},", text)
    if "received" not in text:
        return text
    return re.sub(r"(?m),(\d{1,4})$", lambda found: f",{AT + int(found[1])}", text)


def written(folder: Path, text: str, name: str = "gw-1.csv") -> Path:
    file = folder / name
    file.write_text(dated(text), encoding="utf-8")
    return file


def batches(path: Path, *gateways: str) -> list[tuple[str, int, tuple[str, ...], list[object]]]:
    plan = replay.survey(path, Gateways.parse(gateways))
    return [
        (
            one.message.gateway,
            one.message.ts_ms - AT,
            tuple(one.message.tags),
            list(one.message.values),
        )
        for one in replay.batches(plan)
    ]


def test_rows_of_one_instant_are_one_message(tmp_path: Path) -> None:
    file = written(tmp_path, "ts,point,value\n1000,A,1\n1000,B,2\n2000,A,3\n")
    assert batches(file) == [("gw-1", 1000, ("A", "B"), [1, 2]), ("gw-1", 2000, ("A",), [3])]


def test_a_point_that_comes_twice_in_an_instant_is_sent_twice_in_order(tmp_path: Path) -> None:
    file = written(tmp_path, "ts,point,value\n1000,A,1\n1000,B,2\n1000,A,3\n")
    assert [one[2:] for one in batches(file)] == [(("A", "B"), [1, 2]), (("A",), [3])]


def test_the_order_of_receipt_is_kept_though_stamps_go_back(tmp_path: Path) -> None:
    text = "ts,point,value,quality,received\n5000,A,1,,6000\n2000,A,2,,6500\n7000,A,3,,7000\n"
    assert [one[1] for one in batches(written(tmp_path, text))] == [5000, 2000, 7000]


@pytest.mark.parametrize(
    "stamp", ["2025-11-21T16:00:00.120+08:00", "2025-11-21T08:00:00.120Z", "1763712000120"]
)
def test_stamps_are_milliseconds_or_rfc_3339(tmp_path: Path, stamp: str) -> None:
    assert batches(written(tmp_path, f"ts,point,value\n{stamp},A,1\n"))[0][1] == 120


def test_an_empty_value_or_nan_is_no_reading(tmp_path: Path) -> None:
    file = written(tmp_path, "ts,point,value\n1,A,\n1,B,NaN\n1,C,3\n2,D,\n")
    assert batches(file) == [("gw-1", 1, ("C",), [3])]


def test_gzipped_recordings_are_read(tmp_path: Path) -> None:
    file = tmp_path / "gw-2.csv.gz"
    file.write_bytes(gzip.compress(dated("ts,point,value\n1,A,1\n").encode()))
    assert batches(file) == [("gw-2", 1, ("A",), [1])]


def test_quality_travels_by_word_or_number(tmp_path: Path) -> None:
    file = written(tmp_path, "ts,point,value,quality\n1,A,1,good\n1,B,2,8\n1,C,3,bad\n")
    plan = replay.survey(file, Gateways())
    assert next(iter(replay.batches(plan))).message.marks == {1: 8, 2: "bad"}


def test_every_bad_row_is_named_with_its_line(tmp_path: Path) -> None:
    text = "ts,point,value,quality\nx,A,1,\n1,A,one,\n1,,1,\n1,A,1,fine\n1,A\n1,A,inf,\n2,A,1,\n"
    with pytest.raises(RecordingError) as refused:
        replay.survey(written(tmp_path, text), Gateways())
    lines = [fault.split(":")[0] for fault in refused.value.faults]
    assert lines == [f"gw-1.csv, line {number}" for number in range(2, 8)]


def test_all_faults_of_a_row_are_named_at_once(tmp_path: Path) -> None:
    text = "ts,point,value,quality,received\nx,,one,fine,y\n"
    with pytest.raises(RecordingError) as refused:
        replay.survey(written(tmp_path, text), Gateways())
    (fault,) = refused.value.faults
    for word in ("ts is", "received is", "point is", "value is", "'fine' is no quality"):
        assert word in fault


@pytest.mark.parametrize("stamp", ["1763712000", "1763712000.12", "631152000"])
def test_a_stamp_in_seconds_is_told_from_one_in_milliseconds(tmp_path: Path, stamp: str) -> None:
    said = "ts looks like seconds; milliseconds or RFC 3339 are wanted"
    with pytest.raises(RecordingError, match=said):
        replay.survey(written(tmp_path, f"ts,point,value\n{stamp},A,1\n"), Gateways())


@pytest.mark.parametrize(
    "stamp", ["0.0", "-1", "1763712000120000", "1989-12-31T23:59:59Z", "2100-01-01T00:00:00Z"]
)
def test_a_stamp_outside_all_plants_lives_is_refused(tmp_path: Path, stamp: str) -> None:
    with pytest.raises(RecordingError, match="ts lies outside the years 1990 to 2099"):
        replay.survey(written(tmp_path, f"ts,point,value\n{stamp},A,1\n"), Gateways())


@pytest.mark.parametrize("stamp", ["1990-01-01T00:00:00Z", "2099-12-31T23:59:59Z"])
def test_the_first_and_the_last_stamp_that_may_be_pass(tmp_path: Path, stamp: str) -> None:
    assert len(batches(written(tmp_path, f"ts,point,value\n{stamp},A,1\n"))) == 1


def test_a_time_of_receipt_in_seconds_is_refused(tmp_path: Path) -> None:
    text = f"ts,point,value,received\n{AT},A,1,1763712000\n"
    with pytest.raises(RecordingError, match="received looks like seconds"):
        replay.survey(written(tmp_path, text), Gateways())


def test_a_stamp_without_offset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="offset"):
        replay.survey(written(tmp_path, "ts,point,value\n2025-01-01T00:00:00,A,1\n"), Gateways())


@pytest.mark.parametrize("header", ["", "time,point,value", "ts,point", "ts,point,value,colour"])
def test_a_wrong_header_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(RecordingError, match="line 1"):
        replay.survey(written(tmp_path, f"{header}\n"), Gateways())


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "gw-1.csv.gz"
    file.write_bytes(gzip.compress(b"ts,point,value\n1,A,1\n" * 50)[:-9])
    with pytest.raises(RecordingError, match="cannot be read"):
        replay.survey(file, Gateways())


def test_bad_rows_of_all_files_of_a_folder_are_named(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        written(tmp_path, "ts,point,value\nx,A,1\n", name)
    with pytest.raises(RecordingError, match=r"(?s)a\.csv, line 2.*b\.csv, line 2"):
        replay.survey(tmp_path, Gateways())


def test_files_of_a_folder_run_side_by_side_each_under_its_name(tmp_path: Path) -> None:
    written(tmp_path, "ts,point,value\n1000,A,1\n3000,A,2\n", "gw-a.csv")
    written(tmp_path, "ts,point,value\n2000,B,1\n4000,B,2\n", "gw-b.csv")
    assert [one[:2] for one in batches(tmp_path)] == [
        ("gw-a", 1000),
        ("gw-b", 2000),
        ("gw-a", 3000),
        ("gw-b", 4000),
    ]


def test_a_named_gateway_wins_over_the_files_name(tmp_path: Path) -> None:
    file = written(tmp_path, "ts,point,value\n1,A,1\n", "a recording.csv")
    assert batches(file, "gw-9")[0][0] == "gw-9"


def test_a_file_whose_name_is_no_gateway_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--gateway"):
        batches(written(tmp_path, "ts,point,value\n1,A,1\n", "a recording.csv"))


def test_points_of_two_enterprises_need_a_gateway_each(tmp_path: Path) -> None:
    file = written(tmp_path, "ts,point,value\n1,E1/A,1\n1,E2/A,2\n")
    with pytest.raises(RequestError, match=r"--gateway E1=ID --gateway E2=ID"):
        batches(file)


def test_enterprises_are_led_to_their_gateways(tmp_path: Path) -> None:
    file = written(tmp_path, "ts,point,value\n1,E1/A,1\n1,E2/A,2\n")
    assert batches(file, "E1=g1", "E2=g2") == [("g1", 1, ("A",), [1]), ("g2", 1, ("A",), [2])]


@pytest.mark.parametrize("words", [("a b",), ("=g",), ("g1", "g2")])
def test_wrong_gateways_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(RequestError, match="--gateway"):
        Gateways.parse(words)


def test_a_missing_recording_is_said(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="no file or folder"):
        replay.survey(tmp_path / "none.csv", Gateways())


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="holds no recording"):
        replay.survey(tmp_path, Gateways())

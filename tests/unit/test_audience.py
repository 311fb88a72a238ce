"""Those who hear the same: what they get, and the frames written once for all of them."""

import itertools
import json

import hypothesis.strategies as st
import pytest
from hypothesis import given
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from alarms.alarm import Tier
from alarms.scope import of_enterprise
from api import frames
from api.audience import Audience
from api.frames import Event, Filter

_TIERS = st.sampled_from([Tier.blue, Tier.yellow, Tier.orange, Tier.red])
_MINE = st.lists(st.tuples(st.booleans(), _TIERS), max_size=40)


def journal(rows: list[tuple[bool, Tier]]) -> list[Event]:
    """Return a journal in which some events are of E1 and the others of E2."""
    return [
        Event(
            is_draft=False,
            is_over_area=False,
            offset=offset,
            tier=tier,
            peak_tier=tier,
            kind="limit",
            region="510603",
            enterprise="E1" if mine else "E2",
            source=None,
            head='{"t_pushed":"',
            tail='"}',
        )
        for offset, (mine, tier) in enumerate(rows, 1)
    ]


def audience(now_s: float = 0.0) -> Audience:
    """Return who hears E1 from the beginning."""
    return Audience(Filter(), of_enterprise("E1"), after=0, now_s=lambda: now_s)


def read(written: bytes) -> list[dict[str, object]]:
    """Read frames as a client does."""
    client = ClientProtocol(parse_uri("ws://server/"), state=State.OPEN, max_size=None)
    if written[0] & 0x40:
        # A window that leans on nothing before: the server agrees to that.
        client.extensions = [PerMessageDeflate(True, False, frames.WINDOW_BITS, 15)]
    client.receive_data(written)
    return [
        json.loads(bytes(frame.data)) for frame in client.events_received() if type(frame) is Frame
    ]


@given(rows=_MINE, cuts=st.sets(st.integers(0, 40)), forgotten=st.integers(0, 40), data=st.data())
def test_however_the_journal_is_cut_everybody_gets_what_is_theirs_or_is_told_to_look_elsewhere(
    rows: list[tuple[bool, Tier]], cuts: set[int], forgotten: int, data: st.DataObject
) -> None:
    events, mine = journal(rows), audience()
    places = [0, *sorted(cuts), len(events)]
    for start, end in itertools.pairwise(places):
        mine.hear(events[start:end])
    mine.forget(forgotten)
    cursor = data.draw(st.integers(0, len(events)))
    wanted = [event for event in events if event.offset > cursor and event.enterprise == "E1"]
    lost = any(event.offset <= forgotten for event in wanted)
    found = mine.next_after(cursor, limit=100)
    assert found == (None if lost else wanted)


@given(rows=_MINE.filter(lambda rows: any(mine for mine, _ in rows)))
def test_the_frames_of_a_run_are_a_chain(rows: list[tuple[bool, Tier]]) -> None:
    mine = audience()
    mine.hear(journal(rows))
    events = mine.next_after(0, limit=100) or []
    found = read(mine.run(events, deflated=False, sub='"近"', prev=0, redelivered_to=2))
    offsets = [event.offset for event in events]
    assert [frame["offset"] for frame in found] == offsets
    assert [frame["prev"] for frame in found] == [0, *offsets[:-1]]
    assert [frame["redelivered"] for frame in found] == [offset <= 2 for offset in offsets]
    assert {frame["sub"] for frame in found} == {"近"}


@given(rows=_MINE.filter(lambda rows: any(mine for mine, _ in rows)))
def test_compressed_frames_say_the_same_each_by_itself(rows: list[tuple[bool, Tier]]) -> None:
    mine = audience()
    mine.hear(journal(rows))
    events = mine.next_after(0, limit=100) or []
    plain, pressed = (
        mine.run(events, deflated=deflated, sub='"a"', prev=0, redelivered_to=99)
        for deflated in (False, True)
    )
    assert len(pressed) < len(plain)
    assert [each["offset"] for each in read(pressed)] == [each["offset"] for each in read(plain)]


def test_a_run_is_written_once_for_all_at_the_same_place() -> None:
    mine = audience()
    events = journal([(True, Tier.red)] * 3)
    mine.hear(events)
    first = mine.run(events, deflated=False, sub='"a"', prev=0, redelivered_to=0)
    assert mine.run(events, deflated=False, sub='"a"', prev=0, redelivered_to=0) is first
    others = (('"b"', 0, 0), ('"a"', 1, 0), ('"a"', 0, 3))
    for sub, prev, redelivered in others:
        assert (
            mine.run(events, deflated=False, sub=sub, prev=prev, redelivered_to=redelivered)
            != first
        )


@given(rows=_MINE, cursor=st.integers(0, 40), passing=st.integers(0, 5), told=st.integers(0, 40))
def test_red_and_orange_go_ahead_once_and_not_those_that_go_next_anyway(
    rows: list[tuple[bool, Tier]], cursor: int, passing: int, told: int
) -> None:
    mine = audience()
    mine.hear(journal(rows))
    waiting = [event for event in journal(rows) if event.enterprise == "E1"]
    waiting = [event for event in waiting if event.offset > cursor][passing:]
    assert mine.alarming_after(cursor, passing=passing, told=told) == [
        event for event in waiting if event.tier >= Tier.orange and event.offset > told
    ]


@pytest.mark.parametrize("size", [2, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_of_any_length_is_read_back(size: int) -> None:
    text = json.dumps({"x": ""})
    text = json.dumps({"x": "y" * max(0, size - len(text))})
    assert read(frames.framed(text) * 2) == [json.loads(text)] * 2

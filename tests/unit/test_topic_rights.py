"""What a gateway may write and read: its own topics, by one rule for every broker."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from alarms import topic_rights

PREFIX = "fengsui/v1"
LEVELS = st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4).map("/".join)
FILTERS = st.builds(
    lambda levels, tail: "/".join([*levels, *tail]),
    st.lists(st.sampled_from(["a", "b", "+"]), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
)
TOPICS = [
    "/".join(levels)
    for length in range(1, 6)
    for levels in itertools.product(["a", "b", "c"], repeat=length)
]


@example("a/+", "a/#")
@example("+", "#")
@example("a/#", "a")
@given(FILTERS, FILTERS)
def test_a_filter_covers_another_when_it_matches_all_its_topics(allowed: str, wanted: str) -> None:
    reached = [topic for topic in TOPICS if topic_matches_sub(wanted, topic)]
    assert topic_rights.covers(allowed, wanted) == all(
        topic_matches_sub(allowed, topic) for topic in reached
    )


@given(FILTERS, LEVELS)
def test_a_filter_covers_a_topic_as_a_broker_matches_it(allowed: str, topic: str) -> None:
    assert topic_rights.covers(allowed, topic) == topic_matches_sub(allowed, topic)


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("fengsui/v1/gw/readings", True),
        ("fengsui/v1/gw/neuron/a/b", True),
        ("fengsui/v1/gw/replies", False),
        ("fengsui/v1/gw2/readings", False),
        ("fengsui/v1/g/readings", False),
        ("fengsui/v1/readings", False),
        ("spBv1.0/plant/NDATA/gw", True),
        ("spBv1.0/plant/DDATA/gw/pump", True),
        ("spBv1.0/plant/DDATA/gw2/pump", False),
        ("spBv1.0/plant/NCMD/gw", False),
        ("spBv1.0/STATE/host", False),
        ("$CONTROL/dynamic-security/v1", False),
    ],
)
def test_a_gateway_publishes_on_its_own_topics_and_never_its_own_replies(
    topic: str, allowed: bool
) -> None:
    assert topic_rights.may_publish("gw", topic, PREFIX) is allowed


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ("fengsui/v1/gw/replies", True),
        ("fengsui/v1/gw/#", True),
        ("fengsui/v1/+/replies", False),
        ("fengsui/v1/gw2/replies", False),
        ("#", False),
        ("+/+/gw/replies", False),
        ("spBv1.0/+/NCMD/gw/#", True),
        ("spBv1.0/plant/DCMD/gw/+", True),
        ("spBv1.0/+/+/gw/#", False),
        ("spBv1.0/+/NCMD/+", False),
        ("spBv1.0/STATE/+", True),
        ("spBv1.0/#", False),
    ],
)
def test_a_gateway_reads_what_is_meant_for_it_and_the_hosts_state(
    wanted: str, allowed: bool
) -> None:
    assert topic_rights.may_read("gw", wanted, PREFIX) is allowed

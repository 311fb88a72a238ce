"""Who is told: the shipped table, a region's own, and who stands in where nobody can be reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import escalation, notices
from alarms.alarm import Tier, Transition
from alarms.escalation import Book, Happening, NotificationRule, NotificationTable, Recipient, When
from alarms.notices import Matter, Wording, Words
from alarms.rosters import Address, Person, Roster, Shift

NOW = 1_772_000_000_000_000
LEVELS = ("enterprise", "county", "city", "province", "server")
TIERS = [tier for tier in Tier if tier]
MOMENTS: tuple[When, ...] = get_args(escalation.When)


def desk(*names: str, channel: str = "mail", post: str = "duty") -> Roster:
    """Return a roster whose persons are on duty day and night."""
    persons = tuple(
        Person(name=name, addresses=(Address(channel=channel, to=f"{name}@x"),)) for name in names
    )
    shift = Shift(persons=names, post="supervisor" if post == "supervisor" else "duty")
    return Roster(persons=persons, shifts=(shift,))


@dataclass(kw_only=True)
class Place:
    """A place whose levels have desks, unless the test takes them away."""

    rosters: Mapping[str, Roster]
    responsible: Mapping[str, list[str]]
    channels: frozenset[str] = frozenset({"mail"})

    def told(
        self,
        when: When,
        tier: Tier = Tier.red,
        *,
        table: NotificationTable | None = None,
        told: list[Recipient] | None = None,
        **more: Any,
    ) -> list[Recipient]:
        happening = Happening(when=when, tier=tier, **{"simulated": False, **more})
        book = Book(self.responsible, self.rosters, self.channels)
        return escalation.recipients(
            happening, table or escalation.shipped(), book, told or [], NOW
        )


@pytest.fixture
def place() -> Place:
    enterprise = Roster(
        persons=(*desk("op", "tech", "boss", "guard", "foreman").persons,),
        shifts=(Shift(persons=("guard",)), Shift(persons=("foreman",), post="supervisor")),
    )
    above = {level: desk(level) for level in LEVELS[1:]}
    return Place(
        rosters={"enterprise": enterprise, **above},
        responsible={"operation": ["op"], "technical": ["tech"], "principal": ["boss"]},
    )


@pytest.mark.parametrize(
    ("when", "tier", "names"),
    [
        ("raised", Tier.red, ["op", "tech", "boss", "guard"]),
        ("raised", Tier.orange, ["op", "tech", "guard"]),
        ("raised", Tier.yellow, ["guard"]),
        ("raised", Tier.blue, []),
        ("step1", Tier.red, ["foreman"]),
        ("step2", Tier.orange, ["county"]),
        ("step3", Tier.red, ["city", "province"]),
        ("step1", Tier.yellow, ["foreman"]),
        ("step3", Tier.blue, ["city", "province"]),
        ("issued", Tier.red, ["boss", "guard", "county", "city", "province"]),
        ("adjusted", Tier.yellow, ["boss", "guard", "county"]),
    ],
)
def test_the_shipped_table_tells(place: Place, when: When, tier: Tier, names: list[str]) -> None:
    assert [each.person for each in place.told(when, tier)] == names


def test_a_proposal_waits_for_the_desk_whose_it_is(place: Place) -> None:
    assert [each.person for each in place.told("proposed", government="city")] == ["city"]


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("tier", [Tier.red, Tier.orange])
def test_no_moment_of_a_grave_alarm_is_quiet_by_default(when: When, tier: Tier) -> None:
    assert escalation.targets(escalation.shipped(), tier, when)


def test_a_regions_table_speaks_for_what_it_names_and_the_shipped_one_for_the_rest() -> None:
    own = NotificationTable(
        rows=(
            NotificationRule(tiers=("red",), when=("raised",), tell=("duty:county",)),
            NotificationRule(tiers=("orange",), when=("raised",), tell=()),
        )
    )
    assert escalation.targets(own, Tier.red, "raised") == ("duty:county",)
    assert escalation.targets(own, Tier.orange, "raised") == ()
    assert escalation.targets(own, Tier.red, "step3") == ("duty:city", "duty:province")
    tables = {"510000": NotificationTable(), "510600": own}
    assert escalation.of_region(tables, "510603") is own
    assert escalation.of_region(tables, "440305") is escalation.shipped()
    assert escalation.of_region(tables, None) is escalation.shipped()


def test_where_nobody_is_on_duty_the_next_level_up_is_told_and_it_says_why(place: Place) -> None:
    place.rosters = {**place.rosters, "county": desk("county", post="supervisor")}
    del place.rosters["city"]
    (found,) = place.told("step2")
    assert (found.target, found.person) == ("duty:province", "province")
    assert found.note == "duty:county: nobody on duty; duty:city: no roster"


def test_who_has_no_address_is_passed_over_by_name(place: Place) -> None:
    place.responsible = {"operation": ["stranger"]}
    assert [(each.person, each.target) for each in place.told("raised", Tier.orange)] == [
        ("guard", "duty:enterprise")
    ]
    note = place.told("raised", Tier.orange)[0].note
    assert note == (
        "responsible:operation: stranger has no address; "
        "responsible:technical: nobody is named; responsible:principal: nobody is named"
    )


def test_all_who_are_named_for_a_role_are_told(place: Place) -> None:
    place.responsible = {"operation": ["op", "tech"], "technical": ["boss"]}
    names = [each.person for each in place.told("raised", Tier.orange)]
    assert names == ["op", "tech", "boss", "guard"]


def test_one_of_two_without_an_address_is_named_beside_the_other(place: Place) -> None:
    both = Roster(
        persons=(*desk("a").persons, Person(name="b")), shifts=(Shift(persons=("a", "b")),)
    )
    place.rosters = {**place.rosters, "county": both}
    (found,) = place.told("step2")
    assert (found.person, found.note) == ("a", "duty:county: b has no address")


def test_a_channel_that_may_not_carry_it_is_no_address(place: Place) -> None:
    place.rosters = {**place.rosters, "county": desk("county", channel="foreign")}
    assert [each.person for each in place.told("step2")] == ["city"]


def test_nobody_at_all_is_said_once_with_all_that_was_tried(place: Place) -> None:
    place.rosters = {}
    (found,) = place.told("raised")
    assert (found.target, found.person, found.channel) == ("nobody", None, None)
    assert "duty:server: no roster" in found.note


def test_somebody_in_two_places_is_told_once(place: Place) -> None:
    place.responsible = {role: ["op"] for role in ("operation", "technical", "principal")}
    assert [each.person for each in place.told("raised")] == ["op", "guard"]


def test_a_level_that_acknowledged_is_not_told_by_a_step(place: Place) -> None:
    known = frozenset({"city", "site"})
    assert [each.person for each in place.told("step3", acknowledged=known)] == ["province"]
    assert place.told("step1", acknowledged=known) == []


def test_the_end_is_told_to_those_who_were_told_the_beginning(place: Place) -> None:
    before = place.told("step2")
    assert place.told("returned", told=before) == before
    assert place.told("returned") == []


def test_of_what_is_relayed_only_those_are_told_who_have_a_desk_here(place: Place) -> None:
    place.responsible, place.rosters = {}, {"province": desk("zhang"), "server": desk("all")}
    assert [each.person for each in place.told("step3", relayed=True)] == ["zhang"]
    assert place.told("raised", relayed=True) == []
    assert [each.person for each in place.told("raised")] == ["zhang"]


def test_an_exercise_is_told_only_where_the_table_says_so(place: Place) -> None:
    assert place.told("raised", simulated=True) == []
    loud = NotificationTable(simulated=True)
    assert len(place.told("raised", simulated=True, table=loud)) == 4


@pytest.mark.parametrize(
    ("change", "rings", "step", "when"),
    [
        ("raised", True, 0, "raised"),
        ("reraised", True, 0, "raised"),
        ("realarmed", True, 0, "raised"),
        ("tier_up", True, 0, "raised"),
        ("unshelved", True, 0, "raised"),
        ("tier_up", False, 0, None),
        ("unshelved", False, 0, None),
        ("escalated", True, 2, "step2"),
        ("escalated", False, 3, "step3"),
        ("returned", False, 0, "returned"),
        ("acknowledged", True, 0, None),
        ("late", True, 0, None),
        ("closed", False, 0, None),
    ],
)
def test_what_rings_is_told_and_what_is_hidden_is_not(
    change: str, rings: bool, step: int, when: When | None
) -> None:
    assert change in set(Transition)
    found = escalation.moment_of(change, speaks_of_warning=False, rings=rings, step=step)
    assert found == when


def matter(*, simulated: bool = False, when: When = "raised") -> Matter:
    return Matter(
        id="A1",
        when=when,
        tier=Tier.red,
        simulated=simulated,
        is_warning=False,
        place="某企业 罐区",
        message_zh="液位高",
        message_en="level high",
        t_event=NOW,
    )


def test_an_exercise_says_so_first() -> None:
    to = Recipient("duty:county", "王五", "mail", "w@x", "")
    said = notices.words(matter(simulated=True), to)
    assert said.zh.title.startswith("【演练】红色报警 发生：某企业 罐区")
    assert said.en.title.startswith("EXERCISE Red alarm raised: 某企业 罐区")


def test_a_notice_says_who_is_told_and_whom_they_stand_in_for() -> None:
    to = Recipient("duty:city", "王五", "mail", "w@x", "duty:county: nobody on duty")
    said = notices.words(matter(when="step2"), to)
    assert "告知：市级值班 王五" in said.zh.text
    assert "说明：县级值班无人值班" in said.zh.text
    assert "Because: duty:county: nobody on duty" in said.en.text
    assert "液位高" in said.zh.text


TEXTS = st.text(max_size=300).filter(lambda text: "\n" not in text)
PARTS = st.builds(Wording, title=TEXTS, text=TEXTS).map(lambda one: Words(zh=one, en=one))


@given(st.lists(PARTS, min_size=1, max_size=60), st.sampled_from(["zh", "en"]))
def test_a_joined_message_keeps_to_its_length_and_names_the_number(
    parts: list[Words], language: notices.Language
) -> None:
    found = notices.joined(parts, language, longest=2048)
    assert len(f"{found.title}\n{found.text}".encode()) <= 2048
    if len(parts) > 1:
        assert str(len(parts)) in found.text.partition("\n")[0]
        lines = found.text.split("\n")[1:]
        assert lines[-1].startswith(("…", f"{len(parts)}. "))


def test_a_storm_in_long_words_leaves_room_and_says_how_many_more_there_are() -> None:
    one = Wording(title="红色报警" * 50, text="液位高" * 100)
    found = notices.joined([Words(zh=one, en=one)] * 60, "zh", longest=2048)
    assert len(f"{found.title}\n{found.text}".encode()) <= 2048
    assert found.text.split("\n")[-1] == "……其余 60 条请在平台查看"
    short = Wording(title="红色报警" * 5, text="液位高")
    found = notices.joined([Words(zh=short, en=short)] * 60, "zh", longest=2048)
    assert len(f"{found.title}\n{found.text}".encode()) <= 2048
    assert len(found.text.split("\n")) > 5

"""Every transition of an alarm has been seen red: each breach of one is found by a story.

Rows are those of the table in the specification of an alarm's life (alarms.md 1.5): 29 and 19b.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class Breach(NamedTuple):
    """A row of the table, broken: in `file`, `old` became `new`; `story` must turn red."""

    row: str
    file: str
    old: str
    new: str
    story: str


LIFE, DEEDS, DEADLINES = "alarms/lifecycle.py", "alarms/deeds.py", "alarms/deadlines.py"
LIMITS, OUTCOME = "alarms/detectors/limits.py", "alarms/outcome.py"
_AT_LIMITS = "test_engine_limits.py::test_"
_AT_LIFE = "test_lifecycle.py::test_"
_AT_DEEDS = "test_lifecycle_deeds.py::test_"
_AT_TIME = "test_lifecycle_deadlines.py::test_"

BREACHES = (
    Breach(
        "1: over with a delay is pending, not active",
        LIMITS,
        "at_once = rises & (levels.on_delay == 0)",
        "at_once = rises",
        _AT_LIMITS + "a_delay_is_met_at_its_instant_though_no_reading_falls_on_it",
    ),
    Breach(
        "1: pending is in the record, so that a restart keeps t0",
        "alarms/record.py",
        "if name >= 0 and (phase or t0)",
        "if name >= 0 and phase >= limits.ACTIVE",
        _AT_LIMITS + "a_delay_that_ran_out_while_the_server_was_down_keeps_its_instant",
    ),
    Breach(
        "2: under while pending is clear again",
        LIMITS,
        "drops = (phase == PEND_ON) & under",
        "drops = (phase == PEND_ON) & under & over",
        _AT_LIMITS + "a_good_reading_at_the_very_end_of_a_delay_still_cancels_it",
    ),
    Breach(
        "3: a delay met is active",
        LIMITS,
        "        phase[rising] = ACTIVE\n",
        "        phase[rising] = CLEAR\n",
        _AT_LIMITS + "a_tick_finds_a_delay_met_at_the_same_instant_a_reading_would",
    ),
    Breach(
        "3: raised again while open is the same occurrence",
        LIFE,
        '"reraise_count": alarm.reraise_count + 1,',
        '"id": occurrence_id(event.subject.key, event.rule, event.t_change),',
        _AT_LIFE + "the_same_occurrence_is_raised_again_while_it_is_open",
    ),
    Breach(
        "3: raised again every level is asked again",
        LIFE,
        'rings["acks"] = dict.fromkeys(ORG_LEVELS)',
        'rings["acks"] = dict(alarm.acks)',
        _AT_DEEDS + "raised_again_every_level_must_answer_again_but_going_up_only_the_site",
    ),
    Breach(
        "4: a higher tier takes the acknowledgement away",
        LIFE,
        "        **rings,\n",
        "",
        _AT_LIFE + "moving_up_takes_the_sites_acknowledgement_away",
    ),
    Breach(
        "5: a lower tier keeps the peak",
        LIFE,
        "alarm, event, Transition.tier_down, tier=event.tier, **_reading(alarm, event)",
        "alarm, event, Transition.tier_down, tier=event.tier, peak_tier=event.tier, "
        "**_reading(alarm, event)",
        _AT_LIFE + "moving_down_keeps_acknowledgement_and_peak",
    ),
    Breach(
        "6: under with a delay is pending, not clear",
        LIMITS,
        "falls & (levels.off_delay == 0)",
        "falls",
        _AT_LIMITS + "bad_quality_holds_an_alarm_that_was_about_to_return",
    ),
    Breach(
        "7: over again while pending is active, with no row of the journal",
        LIMITS,
        "returns = (phase == PEND_OFF) & over",
        "returns = (phase == PEND_OFF) & under & over",
        _AT_LIMITS + "over_again_within_the_off_delay_the_alarm_goes_on_without_a_word",
    ),
    Breach(
        "8: an off-delay met is a return at that instant",
        LIMITS,
        "        phase[falling] = CLEAR\n",
        "        phase[falling] = ACTIVE\n",
        _AT_LIMITS + "bad_quality_holds_an_alarm_that_was_about_to_return",
    ),
    Breach(
        "8: returned waits for acknowledgement",
        LIFE,
        "        active=False,\n        t_returned=max(",
        "        t_returned=max(",
        _AT_LIFE + "a_returned_alarm_closes_when_it_is_acknowledged",
    ),
    Breach(
        "9: an acknowledgement must have seen the newest raise",
        DEEDS,
        "action.seen_rev < alarm.last_alarm_rev",
        "action.seen_rev < 0",
        _AT_LIFE + "an_acknowledgement_that_did_not_see_the_newest_raise_is_refused",
    ),
    Breach(
        "9: but need not have seen more",
        DEEDS,
        "action.seen_rev < alarm.last_alarm_rev",
        "action.seen_rev < alarm.rev",
        _AT_LIFE + "an_acknowledgement_need_not_have_seen_a_downgrade",
    ),
    Breach(
        "10: taken back, the alarm rings again",
        DEEDS,
        "Transition.unacknowledged, now, **bell(alarm, now=now))",
        'Transition.unacknowledged, now, acks=alarm.acks | {"site": None})',
        _AT_LIFE + "taking_back_an_acknowledgement_rings_again",
    ),
    Breach(
        "11: over and acknowledged is closed",
        OUTCOME,
        'or alarm.acks["site"] is None',
        'or alarm.acks["site"] is not None',
        _AT_LIFE + "an_acknowledged_alarm_closes_when_it_returns",
    ),
    Breach(
        "12: nothing active is reset",
        DEEDS,
        '    if alarm.active:\n        raise ConflictError(\n            "cannot reset',
        '    if alarm.retired:\n        raise ConflictError(\n            "cannot reset',
        _AT_DEEDS + "neither_an_active_alarm_nor_an_unlatched_one_is_reset",
    ),
    Breach(
        "12: a latched alarm waits for its reset",
        OUTCOME,
        "        or alarm.latched\n",
        "",
        _AT_DEEDS + "a_latched_alarm_stays_until_it_is_reset",
    ),
    Breach(
        "13: a close-out comes last",
        DEEDS,
        'if alarm.active or alarm.latched or alarm.acks["site"] is None:',
        "if alarm.active or alarm.latched:",
        _AT_DEEDS + "a_close_out_comes_after_return_acknowledgement_and_reset",
    ),
    Breach(
        "13: what awaits its close-out stays open",
        OUTCOME,
        "        or alarm.awaits_closeout\n",
        "",
        _AT_DEEDS + "an_alarm_that_needs_a_close_out_waits_for_it",
    ),
    Breach(
        "14: shelving has an end, for red a sooner one",
        DEEDS,
        "SHELF_MOST_RED_US if tier is Tier.red else SHELF_MOST_US",
        "SHELF_MOST_US",
        _AT_LIFE + "shelving_is_refused_beyond_eight_hours_and_for_red_beyond_one",
    ),
    Breach(
        "15: off the shelf and active, it rings",
        OUTCOME,
        "            changes |= bell(bare, now=now)\n",
        "            pass\n",
        _AT_LIFE + "a_shelf_that_runs_out_rings_again_if_the_alarm_is_active",
    ),
    Breach(
        "16: suppressed shows as suppressed",
        "alarms/alarm.py",
        "            return State.DSUPR",
        "            return State.SHLVD",
        _AT_DEEDS + "the_letter_follows_out_of_service_then_suppressed_then_shelved",
    ),
    Breach(
        "17: a suppression ends by itself",
        DEADLINES,
        "found.append(Deadline(alarm.suppression.until, _unsuppress))",
        "pass",
        _AT_DEEDS + "each_suppression_ends_by_itself_and_what_is_over_and_acknowledged_closes",
    ),
    Breach(
        "18: out of service ends by itself",
        DEADLINES,
        "found.append(Deadline(alarm.outage.until, _back_in_service))",
        "pass",
        _AT_DEEDS + "each_suppression_ends_by_itself_and_what_is_over_and_acknowledged_closes",
    ),
    Breach(
        "18: out of service wants its permit",
        DEEDS,
        '_words(action, "taking out of service needs its permit")',
        "action.note",
        _AT_DEEDS + "suppressing_needs_a_reason_an_outage_its_permit_and_both_an_end",
    ),
    Breach(
        "19: silence is an alarm of its own",
        "alarms/silence.py",
        "heard.silent[row] = at\n                ever",
        "heard.silent[row] = at + 1\n                at += 1\n                ever",
        "test_silence.py::test_a_point_that_falls_silent_while_its_gateway_speaks_gets_its_own_alarm",
    ),
    Breach(
        "19: one gateway's alarm absorbs its points",
        "alarms/silence.py",
        "if gateway != UNKNOWN and (deadline[rows] <= now).all():",
        "if gateway == UNKNOWN:",
        "test_silence.py::test_when_all_points_of_a_gateway_are_silent_there_is_one_alarm",
    ),
    Breach(
        "19: a bad signal is told of an active alarm",
        "alarms/trust.py",
        "quality = BAD if seen.holding[place] else GOOD",
        "quality = GOOD",
        "test_trust.py::test_a_bad_reading_changes_an_active_alarms_quality_until_a_good_one",
    ),
    Breach(
        "19: and so is a stale one",
        "alarms/trust.py",
        "silent = (stale_at <= clock.settled(rows))",
        "silent = (stale_at < 0)",
        "test_trust.py::test_silence_makes_an_active_alarm_stale_and_the_next_reading_mends_it",
    ),
    Breach(
        "19: quality moves nothing but quality",
        LIFE,
        "return _one(alarm, event, Transition.quality, quality=event.quality)",
        "return _one(alarm, event, Transition.quality, **_reading(alarm, event))",
        "test_trust.py::test_the_alarm_and_what_people_owe_stay_as_they_are",
    ),
    Breach(
        "19b: bad quality raises what was about to raise",
        LIMITS,
        "if layer.holding.any():",
        "if False:",
        _AT_LIMITS + "bad_quality_raises_an_orange_level_unconfirmed_and_a_yellow_one_waits",
    ),
    Breach(
        "19b: silence raises what was about to raise",
        "alarms/engine.py",
        "stale_at <= settled)",
        "stale_at < 0)",
        _AT_LIMITS + "silence_raises_an_orange_level_that_was_about_to_raise_unconfirmed",
    ),
    Breach(
        "20: after a gap a delay begins anew",
        LIMITS,
        "restarts = gap & (",
        "restarts = ~gap & gap & (",
        _AT_LIMITS + "a_gap_longer_than_three_periods_restarts_a_delay",
    ),
    Breach(
        "20: who speaks again is silent no more",
        "alarms/silence.py",
        "hits = np.flatnonzero(self.own[rows])",
        "hits = np.flatnonzero(self.own[rows] & (received < 0))",
        "test_silence.py::test_a_silent_point_that_reports_again_returns",
    ),
    Breach(
        "20: a judged reading makes quality good again",
        "alarms/trust.py",
        "seen.is_judged & self._is_lost[points]",
        "seen.holding & self._is_lost[points]",
        "test_trust.py::test_silence_makes_an_active_alarm_stale_and_the_next_reading_mends_it",
    ),
    Breach(
        "21: late readings tell a closed occurrence",
        "alarms/late.py",
        "change=Transition.late, late=True",
        "change=Transition.raised, late=True",
        _AT_LIMITS + "readings_behind_the_newest_make_one_closed_late_occurrence",
    ),
    Breach(
        "21: or extend the open one backwards",
        LIFE,
        '"t_raised": min(alarm.t_raised, event.t_change),',
        '"t_raised": alarm.t_raised,',
        _AT_LIFE + "a_late_occurrence_before_the_open_one_moves_its_beginning_back",
    ),
    Breach(
        "21: among its neighbours",
        "alarms/late.py",
        "taken = _in_order(Readings.joined([neighbours, readings]))",
        "taken = _in_order(readings)",
        "test_late.py::test_a_late_reading_over_the_limit_is_over_until_its_neighbour_is_not",
    ),
    Breach(
        "22: a stamp ahead is uncertain",
        "ingest/sifting.py",
        "(columns.stamps > columns.received + AHEAD_US) & (quality == Quality.good)",
        "(columns.stamps > columns.received + FUTURE_US) & (quality == Quality.good)",
        "test_sifting.py::test_a_stamp_a_little_ahead_is_uncertain_and_stays",
    ),
    Breach(
        "22: a stamp far ahead counts at receipt",
        "ingest/sifting.py",
        "times[place] = columns.received[place] + offsets",
        "times[place] = columns.stamps[place] + offsets",
        "test_sifting.py::"
        "test_stamps_far_ahead_count_at_receipt_in_their_order_and_keep_their_identity",
    ),
    Breach(
        "22: and is the gateway's alarm",
        "alarms/faults.py",
        'elif fault.reason == "future_time" and',
        'elif fault.reason == "out_of_range" and',
        "test_silence.py::test_a_stamp_in_the_future_raises_the_gateways_clock_alarm_until_a_right_one",
    ),
    Breach(
        "23: what comes twice counts once",
        "alarms/readings.py",
        "fresh[order] = relative > before",
        "fresh[order] = relative >= before",
        "test_readings.py::test_a_reading_is_news_when_it_is_newer_than_all_its_point_had_before",
    ),
    Breach(
        "24: a changed rule resets neither latch nor acknowledgement",
        LIFE,
        '{"rule_version": alarm.rule_version + 1}',
        '{"rule_version": alarm.rule_version + 1, "latched": False}',
        _AT_DEEDS + "a_changed_rule_keeps_state_acknowledgement_and_latch",
    ),
    Breach(
        "24: what stands is judged by the new limits",
        "alarms/record.py",
        "phase[0, slot], t0[0, slot] = limits.PHASES.index(known[0]), known[1]",
        "pass",
        _AT_LIMITS + "an_alarm_whose_limit_was_moved_stays_and_is_judged_by_the_new_one",
    ),
    Breach(
        "25: what was taken away closes",
        LIFE,
        '"retired": True, "t_closed": now,',
        '"retired": True,',
        _AT_DEEDS + "an_alarm_whose_rule_was_taken_away_closes_and_says_who_did_it",
    ),
    Breach(
        "26: acknowledged and still red, it rings again",
        DEADLINES,
        "elif alarm.active and alarm.tier in REALARM_US:",
        "elif alarm.active and alarm.late:",
        _AT_TIME + "an_acknowledged_red_alarm_that_is_still_active_rings_again_after_15_minutes",
    ),
    Breach(
        "27: unacknowledged, the next level is told",
        DEADLINES,
        "at = alarm.owed_since + LADDER_US[alarm.tier][step]",
        "at = alarm.owed_since + 2 * LADDER_US[alarm.tier][step]",
        _AT_TIME + "an_alarm_nobody_acknowledges_is_told_to_supervisor_county_city_and_province",
    ),
    Breach(
        "27: the site's acknowledgement stops that",
        DEADLINES,
        "if acknowledged is None:",
        "if acknowledged is None or alarm.tier is Tier.orange:",
        _AT_TIME + "the_sites_acknowledgement_stops_the_ladder",
    ),
    Breach(
        "28: a restart tells nothing anew",
        "alarms/engine.py",
        "engine._stand(record.recalled(engine.rules, standing, side, state.process))",
        "pass",
        _AT_LIMITS + "an_alarm_whose_limit_was_moved_stays_and_is_judged_by_the_new_one",
    ),
    Breach(
        "28: a restart keeps delays by event time",
        "alarms/engine.py",
        "        engine.last[:] = last.time\n",
        "",
        _AT_LIMITS + "a_delay_that_ran_out_while_the_server_was_down_keeps_its_instant",
    ),
    Breach(
        "29: a flood begins above ten",
        "alarms/kpi.py",
        "len(window) > FLOOD_STARTS_ABOVE",
        "len(window) >= FLOOD_STARTS_ABOVE",
        "test_kpi.py::test_ten_in_ten_minutes_are_no_flood",
    ),
    Breach(
        "29: and ends below five",
        "alarms/kpi.py",
        "len(window) < FLOOD_ENDS_BELOW",
        "len(window) < 1",
        "test_kpi.py::test_alarms_after_the_end_begin_another_flood",
    ),
)


@pytest.mark.parametrize("breach", BREACHES, ids=[breach.row for breach in BREACHES])
def test_a_broken_transition_turns_a_story_red(tmp_path: Path, breach: Breach) -> None:
    for room in ("alarms", "ingest", "fengsui"):
        shutil.copytree(ROOT / room, tmp_path / room)
    shutil.copytree(ROOT / "tests" / "unit", tmp_path / "tests" / "unit")
    shutil.copy(ROOT / "tests" / "__init__.py", tmp_path / "tests")
    spoilt = tmp_path / breach.file
    text = spoilt.read_text()
    assert text.count(breach.old) == 1, f"{breach.file} says that no more, or twice"
    spoilt.write_text(text.replace(breach.old, breach.new))
    told = subprocess.run(
        # Neither our configuration nor its plug-ins: the stories need none, and start sooner.
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "--noconftest", "-p", "no:cacheprovider"),
            *("-c", os.devnull, f"--rootdir={tmp_path}", f"tests/unit/{breach.story}"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == pytest.ExitCode.TESTS_FAILED, told.stdout + told.stderr

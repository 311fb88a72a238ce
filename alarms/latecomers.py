"""What readings that came after newer ones put right, of limits (alarms.late) and of the others."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from alarms import late as limits_again
from alarms.families import Families
from alarms.late import Around, Upon, moves_of
from alarms.plant import Plant
from alarms.proposal import Adoption, LastReadings, Proposal
from alarms.readings import Readings
from alarms.regrading import regraded
from alarms.rewind_changes import Asked
from alarms.standing import Standing


class Wanted(NamedTuple):
    """What late readings are judged with: `readings` are asked for the limits and the others."""

    readings: Around
    limits: Around
    others: Asked


def wanted(families: Families, newest: LastReadings, late: Readings, upon: Proposal) -> Wanted:
    """Return which readings late ones are judged with, `upon` what their batch brought."""
    overtaken = families.raising.proposed(upon).overtaken
    limits = limits_again.around(families.pasts, newest, late, upon, overtaken)
    others = families.rewinds.around(late, limits.rows)
    rows = np.union1d(limits.rows, others.rows).astype(np.int32)
    since = np.full(len(rows), np.iinfo(np.int64).max)
    before = np.zeros(len(rows), np.int64)
    place = np.searchsorted(rows, limits.rows)
    since[place], before[place] = limits.since, limits.before
    place = np.searchsorted(rows, others.rows)
    since[place] = np.minimum(since[place], others.since)
    until = np.maximum(newest.time[rows], Upon.of(upon, families.pasts).until)
    return Wanted(
        readings=Around(rows=rows, since=since, until=until, before=before),
        limits=limits,
        others=others,
    )


def proposal(
    plant: Plant,
    families: Families,
    standing: Standing,
    newest: LastReadings,
    *,
    readings: Readings,
    neighbours: Readings,
    asked: Wanted,
    upon: Proposal,
) -> Proposal:
    """Propose what late readings put right, to be adopted after `upon`, that of their batch's news.

    `neighbours` are the stored readings that `wanted` asks for, without these.
    """
    told = limits_again.proposal(
        plant, families.pasts, families.confirmations, standing, newest,
        readings=readings, neighbours=neighbours, wanted=asked.limits, upon=upon,
    )  # fmt: skip
    told = regraded(
        families.raising, families.pasts, asked.limits, readings, neighbours, told, upon
    )
    moves = moves_of(families.pasts, *asked.others, upon, told)
    events, kept, gone, again = families.rewinds.again(
        asked.others, readings, neighbours, moves, upon, newest
    )
    found, moved = families.peers.judge_late(readings)
    of_peers = [each[3] for each in found]
    of_groups, courses = families.groups.judge_late(readings, upon)
    more, less = families.peers.states(moved)
    others, fewer = families.groups.states(courses)
    covered = families.cover((*told.events, *events, *of_peers, *of_groups))
    heard = families.floods.told_late(covered, upon)
    return replace(
        told,
        events=covered,
        states=(*told.states, *kept, *more, *others, *families.floods.states(heard)),
        gone=(*told.gone, *gone, *less, *fewer),
        memory=(
            *told.memory,
            Adoption(family=families.rewinds, changes=again),
            Adoption(family=families.floods, changes=heard),
            Adoption(family=families.groups, changes=courses),
        ),
    )

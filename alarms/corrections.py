"""Which occurrence that was told is which of those that were: what has to be put right."""

from collections.abc import Iterable, Sequence

import msgspec

from alarms.past import Told

Correction = tuple[Told | None, Told | None]
"""What was told, and what was: None where there was nothing."""


def corrections(
    told: Sequence[Told], found: Sequence[Told], ghosts: Sequence[Told]
) -> tuple[list[Correction], tuple[Told, ...]]:
    """Return what to put right of a point's occurrences, and which are withdrawn by now.

    `ghosts` were told and withdrawn before: each is brought back before another is told. What is
    withdrawn comes first, then what changes, then what is new, each in order of time.
    """
    right: list[Correction] = []
    withdrawn = list(ghosts)
    for side in sorted({each.side for each in (*told, *found)}):
        gone, new = _differing(_of(told, side), _of(found, side))
        pairs = _paired(gone, new)
        gone = [each for each in gone if not any(each is old for old, _ in pairs)]
        new = [each for each in new if not any(each is one for _, one in pairs)]
        for each in list(new):
            ghost = next((g for g in withdrawn if g.side == side and _touch(g, each)), None)
            if ghost is not None:
                withdrawn.remove(ghost)
                new.remove(each)
                pairs.append((ghost, each))
        withdrawn += [msgspec.structs.replace(each, t_returned=each.t_raised) for each in gone]
        right += [(each, None) for each in gone]
        right += pairs
        right += [(None, each) for each in new]
    return right, tuple(withdrawn)


def _of(occurrences: Iterable[Told], side: int) -> list[Told]:
    mine = [each for each in occurrences if each.side == side]
    return sorted(mine, key=lambda each: each.t_raised)


def _differing(told: list[Told], found: list[Told]) -> tuple[list[Told], list[Told]]:
    gone = [each for each in told if each not in found]
    return gone, [each for each in found if each not in told]


def _paired(gone: list[Told], new: list[Told]) -> list[tuple[Told, Told]]:
    """Return which became which: those that share an instant, in order of time.

    What stands now goes on with what stood last, unless that began before an earlier one ended.
    """
    pairs: list[tuple[Told, Told]] = []
    left, open_ = list(new), new[-1] if new and new[-1].t_returned is None else None
    if open_ is not None:
        touching = [each for each in gone if _touch(each, open_)]
        last = touching[-1] if touching else None
        if last is not None and not any(_touch(last, each) for each in new[:-1]):
            pairs.append((last, open_))
            left.remove(open_)
            gone = [each for each in gone if each is not last]
    for each in gone:
        match = next((one for one in left if _touch(each, one)), None)
        if match is not None:
            pairs.append((each, match))
            left.remove(match)
    return sorted(pairs, key=lambda pair: pair[0].t_raised)


def _touch(one: Told, other: Told) -> bool:
    """Tell whether two occurrences share an instant."""
    return (other.t_returned is None or one.t_raised <= other.t_returned) and (
        one.t_returned is None or other.t_raised <= one.t_returned
    )

"""How an edge node's session goes on with each message: numbers, gaps, births and deaths.

Pure. Data is sent once (QoS 0): what is lost shows in `seq` only. A number that jumps ahead gets
time to be filled, as a cluster of brokers may deliver out of order; then a new birth is asked for.
Values may be taken meanwhile, for aliases hold until the next birth. Where that birth itself may be
among what was lost, nothing is taken before the next: an alias could mean another point.
"""

from typing import Final

import msgspec

from alarms.storage.edge_nodes import Phase, Session

REORDER_US: Final = 2_000_000
"""How long missing numbers may still come before a new birth is asked for (Reorder Timeout)."""
_NUMBERS: Final = 256
_AHEAD: Final = _NUMBERS // 2
"""A jump this far is none ahead: the message is old, or a session has passed us by."""
_MOST_COUNTED: Final = 2**31
"""The greatest number ingest.sequence knows; the next is 0."""


def unknown(gateway: str, group: str, received: int) -> Session:
    """Return the session of an edge node that speaks without a birth: one is asked for at once."""
    return Session(
        gateway=gateway,
        group=group,
        phase=Phase.lost,
        bd_seq=None,
        seq=0,
        counted=0,
        missing=frozenset(),
        born_stamp=0,
        newest_stamp=0,
        born_at=received,
        heard_at=received,
        rebirth_at=received,
    )


def born(
    before: Session | None,
    *,
    gateway: str,
    group: str,
    bd_seq: int | None,
    seq: int,
    stamp: int,
    received: int,
) -> Session:
    """Begin anew with a birth."""
    return Session(
        gateway=gateway,
        group=group,
        phase=Phase.born,
        bd_seq=bd_seq,
        seq=seq % _NUMBERS,
        counted=0 if before is None else _later(before.counted, 1),
        missing=frozenset(),
        born_stamp=stamp,
        newest_stamp=stamp,
        born_at=received,
        heard_at=received,
        rebirth_at=None,
    )


def follow(
    session: Session, *, seq: int | None, stamp: int, received: int, link_since: int
) -> Session:
    """Go on with a message of a born session; one without `seq` proves and disproves nothing.

    `link_since` is when our own connection to the broker began: before it, a birth may have
    passed us by unless the very next number follows.
    """
    newest = max(session.newest_stamp, stamp)
    if seq is None:
        return msgspec.structs.replace(session, newest_stamp=newest)
    seq %= _NUMBERS
    heard = msgspec.structs.replace(session, heard_at=received, newest_stamp=newest)
    step = (seq - session.seq) % _NUMBERS
    if step == 1:
        return msgspec.structs.replace(heard, seq=seq, counted=_later(session.counted, 1))
    away = session.heard_at < link_since
    if seq in session.missing and not away:
        missing = session.missing - {seq}
        return msgspec.structs.replace(
            heard, missing=missing, rebirth_at=session.rebirth_at if missing else None
        )
    if _is_old(session, stamp, step):
        return session
    skipped = frozenset((session.seq + ahead) % _NUMBERS for ahead in range(1, step))
    passed_by = step == 0 or step >= _AHEAD or 0 in skipped or away
    return msgspec.structs.replace(
        heard,
        phase=Phase.lost if passed_by else Phase.born,
        seq=seq,
        counted=_later(session.counted, step),
        missing=frozenset() if passed_by else session.missing | skipped,
        rebirth_at=received if passed_by else session.rebirth_at or received + REORDER_US,
    )


def lost(session: Session, received: int) -> Session:
    """Note that something was said that no birth explains: a new one is asked for at once."""
    asked = received if session.rebirth_at is None else min(session.rebirth_at, received)
    return msgspec.structs.replace(session, heard_at=received, rebirth_at=asked)


def died(session: Session, bd_seq: int | None, received: int) -> Session | None:
    """End a session; None where the death is of an earlier one, or of one that has ended.

    A death, or a birth, without a number is of any session, and so is a death where a birth may
    have passed us by; one whose number is ahead is of a session whose birth did. To take a node for
    gone that is there costs one birth more, the other way round hides that it is gone.
    """
    if session.phase is Phase.dead:
        return None
    if session.phase is Phase.born and bd_seq is not None and session.bd_seq is not None:
        before = (session.bd_seq - bd_seq) % _NUMBERS
        if 0 < before < _AHEAD:
            return None
    return msgspec.structs.replace(
        session, phase=Phase.dead, missing=frozenset(), heard_at=received, rebirth_at=None
    )


def _is_old(session: Session, stamp: int, step: int) -> bool:
    """Tell whether a message was sent earlier in the session: it comes again, or late."""
    behind = step == 0 or step >= _AHEAD
    return behind and 0 < session.born_stamp <= stamp <= session.newest_stamp


def _later(counted: int, step: int) -> int:
    return (counted + step) % (_MOST_COUNTED + 1)

"""When a gateway reports its points ill instead of measuring: one loop over their readings.

Every reading of the points concerned is walked, those of one receipt and instant at once, so that
neither a batch's border nor the order within a message decides. Whether a point's own alarm stands
is found elsewhere (alarms.detectors.sensor_standing); here it is found whether it is told.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.sensor_standing import FAILED_S

MEMBER: Final = np.dtype(
    [("gateway", "i8"), ("time", "i8"), ("ill", "i8"), ("stands", "i8"), ("told", "i8")]
)
"""A point: its newest reading's time (Micros, 0: never) and, where it is ill, quality (else 0).

`stands` is 1 while its own alarm does; `told` since when, Micros, that alarm is told of: 0 where
it stands untold, 1 where that is not known, or it does not stand.
"""
GATEWAY: Final = np.dtype([("first", "i8"), ("end", "i8"), ("down", "i8"), ("spoke", "i8")])
"""A gateway and the places of its members: since when its alarm stands, Micros, 0: it does not.

`spoke`: while it stands, when a member last began to be good that had not failed, 0: none has.
"""
HEARD: Final = np.dtype(
    [("time", "i8"), ("received", "i8"), ("member", "i8"), ("ill", "i8"), ("turn", "i8")]
)
"""A reading by receipt and time; `ill` as in MEMBER, `turn` what its point's own alarm did."""
TOLD: Final = np.dtype(
    [
        ("heard", "i8"),
        ("member", "i8"),
        ("gateway", "i8"),
        ("raised", "i8"),
        ("at", "i8"),
        ("quality", "i8"),
        ("ill", "i8"),
        ("of", "i8"),
    ]
)
"""What a reading means: an alarm of a member, or of the gateway (-1), is raised (1) or returns.

`quality` is the ill one at a raise; `ill` of so many points (`of`) that ever reported are.
"""
RAISED: Final = 1
RETURNED: Final = 2
GOOD_SHARE: Final = 20
"""One point in so many may be good [D]: a gateway has a contact or two of its own."""

_MINUTE: Final = FAILED_S * 1_000_000


@kernel
def walk(
    members: NDArray[np.void],
    gateways: NDArray[np.void],
    heard: NDArray[np.void],
    start: int,
    hidden: NDArray[np.bool_],
    told: NDArray[np.void],
) -> tuple[int, int]:
    """Walk readings from `start` on; return how much is `told`, and where to go on.

    `members` and `gateways` change in place; `hidden` marks the readings of which a point's own
    alarm is not to be told. There is room for one reading of each member at least.
    """
    count = 0
    i = start
    while i < len(heard) and count + len(members) + len(gateways) <= len(told):
        end = i
        while (
            end < len(heard)
            and heard[end]["time"] == heard[i]["time"]
            and heard[end]["received"] == heard[i]["received"]
        ):
            m = members[heard[end]["member"]]
            m["time"] = heard[end]["time"]
            m["ill"] = heard[end]["ill"]
            end += 1
        for k in range(i, end):
            count = _hear(members, gateways, heard[k], k, hidden, told, count)
        i = end
    return count, i


@kernel
def _hear(
    members: NDArray[np.void],
    gateways: NDArray[np.void],
    h: np.void,
    k: int,
    hidden: NDArray[np.bool_],
    told: NDArray[np.void],
    count: int,
) -> int:
    """Let one reading count; return how much is told by then."""
    m = members[h["member"]]
    g = gateways[m["gateway"]]
    t = h["time"]
    if h["turn"] == RAISED:
        m["stands"] = 1
        m["told"] = t
        if g["down"] == 0:
            count = _fall(members, g, h, k, told, count)
        if g["down"] != 0:
            m["told"] = 0
            hidden[k] = True
        return count
    if h["turn"] == RETURNED:
        hidden[k] = m["told"] == 0
        m["stands"] = 0
        m["told"] = 1
        return _rise(members, g, h, k, told, count)
    if h["ill"] != 0:
        # It was ending quietly when its gateway came back, and is ill again.
        if m["stands"] != 0 and m["told"] == 0 and g["down"] == 0:
            m["told"] = t
            count = _tell(told, count, k, h["member"], m["gateway"], RAISED, t, h["ill"], 0, 0)
    elif g["down"] != 0 and m["stands"] == 0:
        if g["spoke"] == 0:
            g["spoke"] = t
        elif t - g["spoke"] >= _MINUTE:
            g["spoke"] = t
            count = _rise(members, g, h, k, told, count)
    return count


@kernel
def _fall(
    members: NDArray[np.void],
    g: np.void,
    h: np.void,
    k: int,
    told: NDArray[np.void],
    count: int,
) -> int:
    """Raise the gateway's alarm for those of its members, if most are ill and hardly one good."""
    t = h["time"]
    ill, good, of = _counts(members, g, t)
    if ill < 2 or 2 * ill <= of or GOOD_SHARE * good > ill:
        return count
    g["down"] = t
    g["spoke"] = 0
    own = members[h["member"]]
    own["told"] = 0
    count = _tell(told, count, k, -1, own["gateway"], RAISED, t, h["ill"], ill, of)
    for q in range(g["first"], g["end"]):
        m = members[q]
        if m["stands"] != 0 and m["told"] != 0:
            # Its raise may be later than what another point says just now.
            count = _tell(told, count, k, q, m["gateway"], RETURNED, max(t, m["told"]), 0, ill, of)
            m["told"] = 0
    return count


@kernel
def _rise(
    members: NDArray[np.void],
    g: np.void,
    h: np.void,
    k: int,
    told: NDArray[np.void],
    count: int,
) -> int:
    """End the gateway's alarm, if enough members are good; those that are not raise their own."""
    if g["down"] == 0:
        return count
    ill, good, of = _counts(members, g, h["time"])
    if GOOD_SHARE * good <= ill:
        return count
    at = max(h["time"], g["down"])
    g["down"] = 0
    gateway = members[h["member"]]["gateway"]
    count = _tell(told, count, k, -1, gateway, RETURNED, at, 0, ill, of)
    for q in range(g["first"], g["end"]):
        m = members[q]
        if m["stands"] != 0 and m["told"] == 0 and m["ill"] != 0:
            m["told"] = at
            count = _tell(told, count, k, q, gateway, RAISED, at, m["ill"], ill, of)
    return count


@kernel
def _counts(members: NDArray[np.void], g: np.void, t: int) -> tuple[int, int, int]:
    """Count a gateway's members by their newest readings: ill, good this minute, ever heard."""
    ill = 0
    good = 0
    ever = 0
    for q in range(g["first"], g["end"]):
        m = members[q]
        if m["time"] == 0:
            continue
        ever += 1
        if m["ill"] != 0:
            ill += 1
        elif m["time"] > t - _MINUTE:
            good += 1
    return ill, good, ever


@kernel
def _tell(
    told: NDArray[np.void],
    count: int,
    k: int,
    member: int,
    gateway: int,
    raised: int,
    at: int,
    quality: int,
    ill: int,
    of: int,
) -> int:
    """Write down what is told, and return its number."""
    one = told[count]
    one["heard"] = k
    one["member"] = member
    one["gateway"] = gateway
    one["raised"] = raised
    one["at"] = at
    one["quality"] = quality
    one["ill"] = ill
    one["of"] = of
    return count + 1

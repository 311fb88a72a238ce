"""What would become of a message: a dry run of decoding and sifting, in words for an engineer.

Pure: nothing is published, stored or counted.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np

from alarms import instants, registry
from alarms.errors import NotFoundError
from alarms.plant import Plant
from alarms.readings import CLAMPED, CORRECTED, HISTORY, QUALITY_MASK, STAMPED_HERE, Quality
from ingest.decoders.decoded import Reason
from ingest.intake import Intake
from ingest.refusals import Ledger, Refused
from ingest.roster import Roster
from ingest.sifting import Arrived, Sifted, sift

MOST_SHOWN: Final = 1_000
"""Readings and refusals that are written out; more are counted."""
_FLAGS: Final = {
    "stamped_here": STAMPED_HERE,
    "history": HISTORY,
    "corrected": CORRECTED,
    "clamped": CLAMPED,
}
_WORDS: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.bad_json: (
        "不是完整的 JSON：报文被截断，或网关的格式选错了",
        "no whole JSON: the message is cut short, or the gateway's format is set wrong",
    ),
    Reason.bad_shape: (
        "读不出测点和数值：核对网关的报文格式，必要时在登记文件里写明 dialect",
        (
            "no names and values can be read from this: check the format set in the gateway, "
            "and set its dialect in the registry file if need be"
        ),
    ),
    Reason.unknown_gateway: (
        "没有登记这个网关",
        "this gateway is not registered",
    ),
    Reason.unknown_point: (
        "企业没有这个位号：在登记文件里登记该测点，或在网关的 mapping 里给这个字段指定 tag",
        (
            "the enterprise has no point of this tag: register it, "
            "or give this field its tag in the gateway's mapping"
        ),
    ),
    Reason.bad_value: (
        "这个值不能用：不是有限的数（文本、空值、NaN、采集错误码），质量码不认识，或单位换算不了",
        (
            "this value cannot be used: it is no finite number (text, null, NaN, an error code), "
            "its quality is unknown, or its unit cannot become the point's"
        ),
    ),
    Reason.out_of_range: (
        "数值远在仪表量程之外，不可能是测量值：核对单位、scale 和测点的 range",
        (
            "far outside the instrument's range, no measurement can be: "
            "check unit and scale, and the point's range"
        ),
    ),
    Reason.bad_time: (
        "时间读不出：应为 1970 年以来的毫秒数，或带时区的 RFC 3339 时间",
        "the time cannot be read: milliseconds since 1970 or RFC 3339 with an offset are wanted",
    ),
    Reason.too_old: (
        "时间早于原始数据的保存期：核对网关的时钟",
        "older than raw readings are kept: check the gateway's clock",
    ),
    Reason.too_large: (
        "报文太大：一条报文最多 1 MiB、100000 个读数",
        "too large: a message has 1 MiB and 100,000 readings at most",
    ),
    Reason.not_allowed: (
        "该测点登记在另一个网关名下，或是计算点，本网关不能上报",
        "the point is another gateway's, or is computed: this gateway may not report it",
    ),
}


def preview(
    plant: Plant, gateway: str, payload: bytes, received: int, settings: Mapping[str, object]
) -> dict[str, Any]:
    """Say what would become of a message that came from a gateway at `received` (Micros).

    `settings` may hold a `dialect` and a `mapping` to try instead of the registered ones, as a
    registry file writes them. Raises NotFoundError for a gateway nobody registered and
    RefusedError for settings that a registry file could not have.
    """
    if gateway not in plant.gateways:
        raise NotFoundError(f"there is no gateway {gateway}: register it, or correct the id")
    tried = _tried(plant, gateway, settings) if settings else plant
    decoded = Intake(tried).decode(gateway, payload, received)
    ledger = Ledger()
    roster = Roster.of(tried, {name: place for place, name in enumerate(tried.gateways)})
    sifted = sift(
        [Arrived(gateway=gateway, received=received, payload=payload, decoded=decoded)],
        roster,
        ledger,
    )
    return {
        "gateway": gateway,
        "dialect": decoded.dialect,
        "dialect_set": tried.gateways[gateway].dialect is not None,
        "accepted": len(sifted.readings),
        "rejected": sum(entry.count for entry in ledger.entries),
        "readings": _readings(tried, sifted),
        "refused": [_refused(entry) for entry in ledger.entries[:MOST_SHOWN]],
    }


def _tried(plant: Plant, gateway: str, settings: Mapping[str, object]) -> Plant:
    """Return the plant with other settings of one gateway, checked as an import checks them."""
    registered = plant.gateways[gateway]
    units = {point.tag: point.engineering_unit for point in plant.points}
    entry = {"id": gateway, "enterprise": registered.enterprise, **settings}
    found = registry.parse(
        msgspec.json.encode({"gateways": [entry]}),
        registry.Known(
            regions={},
            enterprises=frozenset({registered.enterprise}),
            gateways={},
            units={registered.enterprise: units},
        ),
        name="what is to be tried",
    )
    chosen: dict[str, Any] = {name: getattr(found.gateways[0], name) for name in settings}
    return replace(plant, gateways={**plant.gateways, gateway: replace(registered, **chosen)})


def _readings(plant: Plant, sifted: Sifted) -> list[dict[str, Any]]:
    """Write readings out as they would be stored."""
    readings = sifted.readings.take(np.arange(min(len(sifted.readings), MOST_SHOWN)))
    found = []
    for row, time, value, quality in zip(
        readings.point.tolist(),
        readings.time.tolist(),
        readings.value.tolist(),
        readings.quality.tolist(),
        strict=True,
    ):
        point = plant.points[row]
        found.append(
            {
                "tag": point.tag,
                "name": point.name,
                "value": value,
                "unit": point.engineering_unit,
                "time": instants.to_text(time),
                "quality": Quality(quality & QUALITY_MASK).name,
                "flags": [name for name, flag in _FLAGS.items() if quality & flag],
            }
        )
    return found


def _refused(entry: Refused) -> dict[str, Any]:
    zh, en = _WORDS[entry.reason]
    first = msgspec.json.decode(entry.first)
    return {
        "reason": entry.reason,
        "tag": entry.tag,
        "field": first.get("field"),
        "count": entry.count,
        "first": first,
        "words": {"zh": zh, "en": en},
    }

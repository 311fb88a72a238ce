"""Why readings are refused, in words for those who run the gateway: what was there, what to do."""

from typing import Final

Words = dict[str, str]

_REASONS: Final[dict[str, tuple[str, str]]] = {
    "bad_json": (
        (
            "报文不是有效的 JSON，整条被拒收。请检查编码（UTF-8）、引号与括号是否成对、报文"
            "是否被截断。"
        ),
        (
            "The message is not valid JSON and was refused whole. Check the encoding "
            "(UTF-8), paired quotes and brackets, and whether it was cut short."
        ),
    ),
    "bad_shape": (
        (
            "报文结构与约定的格式不符。请对照接入说明核对字段名与层级，或在网关上选择正确的"
            "报文格式。"
        ),
        (
            "The message has none of the agreed forms. Compare field names and nesting "
            "with the guide, or choose the right format in the gateway."
        ),
    ),
    "unknown_gateway": (
        "该网关未登记。请先在注册表中登记网关，或核对主题中的网关编号。",
        ("This gateway is not registered. Register it first, or check the id in the topic."),
    ),
    "unknown_point": (
        (
            "本企业没有登记该位号。请核对位号的拼写与大小写，在网关的 mapping 里给这个字段"
            "指定 tag，或先在注册表中登记该测点。"
        ),
        (
            "No point of this enterprise has this tag. Check its spelling and case, give the field "
            "a tag in the gateway's mapping, or register the point."
        ),
    ),
    "bad_value": (
        "数值不可用：须为数字或真/假，不能是文字、空值、NaN 或网关的采集错误码；小数点用“.”。",
        (
            "The value cannot be used: a number or true/false is wanted, no text, null, NaN or "
            "error code of the gateway's; the decimal sign is a point."
        ),
    ),
    "out_of_range": (
        "数值远超登记的量程，不可能是测量结果。请检查量程、单位、换算系数与仪表。",
        (
            "The number lies far outside the registered range and cannot be a measurement. "
            "Check range, unit, scaling and the instrument."
        ),
    ),
    "bad_time": (
        "时间戳无法识别。请使用毫秒数，或带时区的 RFC 3339 时间。",
        ("The time stamp cannot be read. Use milliseconds since 1970, or RFC 3339 with an offset."),
    ),
    "too_old": (
        "时间戳早于原始数据的保存期限。请检查网关时钟与补传数据的时间。",
        (
            "The stamp is older than raw readings are kept. Check the gateway's clock and "
            "what it re-sends."
        ),
    ),
    "too_large": (
        "报文过大（上限 1 MiB、100,000 个读数）。请减少每条报文的读数。",
        (
            "The message is too large (1 MiB, 100,000 readings at most). Send fewer "
            "readings a message."
        ),
    ),
    "not_allowed": (
        "该位号已指定由另一网关上报。请核对注册表中测点的网关，或停止重复上报。",
        (
            "This tag is assigned to another gateway. Check the point's gateway in the "
            "registry, or stop reporting it here."
        ),
    ),
}
"""Reasons of contracts.md section 4; tests hold this to what ingest refuses."""


def of(reason: str) -> Words:
    """Return a reason in Chinese and English; one that has no words yet says its name."""
    zh, en = _REASONS.get(reason, (f"拒收原因：{reason}", f"Refused: {reason}"))
    return {"zh": zh, "en": en}

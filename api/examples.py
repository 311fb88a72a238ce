"""One example of each thing the contract shows, for OpenAPI, AsyncAPI and the contract tests."""

from typing import Any, Final

ALARM: Final[dict[str, Any]] = {
    "id": "01KAKZ5N3G7Q2V9T4R6W8Y0ABC",
    "rev": 3,
    "kind": "limit",
    "rule": "limit.high",
    "rule_version": 1,
    "tier": "red",
    "peak_tier": "red",
    "state": "UNACK",
    "active": True,
    "quality": "good",
    "late": False,
    "unconfirmed": False,
    "simulated": False,
    "subject": "TK101.GT",
    "name": "1 号液氨球罐氨浓度",
    "region": "510603",
    "enterprise": "DY-CHEM-01",
    "source": "DYC01-R001",
    "unit": "TK101",
    "point": "TK101.GT",
    "quantity": "combustible_gas",
    "value": 53.1,
    "limit": 50.0,
    "engineering_unit": "%LEL",
    "peak": 53.1,
    "basis": "GB/T 50493-2019 5.5.2",
    "rule_pack": "gas_detection 1",
    "abnormal_type": None,
    "forecast": None,
    "reraise_count": 0,
    "t_raised": "2026-11-21T08:00:00.120Z",
    "t_event": "2026-11-21T08:00:04.120Z",
    "t_received": "2026-11-21T08:00:04.180Z",
    "t_committed": "2026-11-21T08:00:04.203Z",
    "t_pushed": None,
    "t_returned": None,
    "t_closed": None,
    "acks": {"site": None, "county": None, "city": None, "province": None},
    "shelf": None,
    "suppression": None,
    "out_of_service": None,
    "shelve_max_s": 3600.0,
    "latched": False,
    "needs_closeout": False,
    "closeout": None,
    "escalation": {"step": 1, "targets": ["site"], "at": "2026-11-21T08:01:04.310Z"},
    "nuisance": "none",
    "nuisance_until": None,
    "flood": None,
    "message": {"zh": "可燃气体浓度达到二级报警值", "en": "combustible gas at its second limit"},
}
JOURNAL_ENTRY: Final[dict[str, Any]] = {
    "offset": 4712,
    "alarm": ALARM["id"],
    "rev": 3,
    "type": "tier_up",
    "t_event": ALARM["t_event"],
    "t_committed": ALARM["t_committed"],
    "actor": "",
    "org_level": None,
    "note": "",
    "data": ALARM,
}
_ASKED: Final[dict[str, Any]] = {
    "action": "shelve",
    "asked_by": "wang",
    "expires_at": "2026-11-21T08:11:00Z",
}
ALARM_NOW: Final[dict[str, Any]] = ALARM | {"pending": _ASKED}
PENDING: Final[dict[str, Any]] = {
    "status": "pending",
    "pending": _ASKED | {"asked_at": "2026-11-21T08:01:00Z"},
    "alarm": ALARM_NOW,
}
SESSION: Final[dict[str, Any]] = {
    "name": "wang",
    "role": "operator",
    "scope": "510603",
    "actions": ["acknowledge", "comment", "shelve", "unshelve", "reset"],
    "duties": [],
    "acts_for": "county",
    "expires_at": "2026-11-21T16:00:00Z",
}
SIGN_IN_WAYS: Final[dict[str, Any]] = {"password": True, "oidc": False}
COUNTS: Final[dict[str, int]] = {"red": 1, "orange": 0, "yellow": 3, "blue": 0}
REGION: Final[dict[str, Any]] = {
    "code": "510600",
    "name": "德阳市",
    "parent": "510000",
    "kind": "city",
    "branches": True,
    "open": COUNTS,
    "unacknowledged": COUNTS,
}
ENTERPRISE: Final[dict[str, Any]] = {
    "code": "DY-CHEM-01",
    "name": "德阳某化工有限公司",
    "region": "510603",
    "uscc": None,
    "simulated": False,
    "open": COUNTS,
}
SOURCE: Final[dict[str, Any]] = {
    "enterprise": "DY-CHEM-01",
    "region": "510603",
    "simulated": False,
    "code": "DYC01-R001",
    "name": "液氨罐区",
    "kind": "tank_farm",
    "location": {"lat": 31.127, "lon": 104.398},
    "chemicals": [{"name": "氨", "cas": "7664-41-7", "tonnes": 50}],
    "exposed_population": 60,
    "responsible": [],
    "s": 5.0,
    "r": 15.0,
    "level": 3,
    "live": {"tier": "red", "open": COUNTS},
    "units": [{"code": "TK101", "name": "1 号液氨球罐", "kind": "tank"}],
}
UNIT: Final[dict[str, Any]] = {
    "enterprise": "DY-CHEM-01",
    "source": "DYC01-R001",
    "code": "TK101",
    "name": "1 号液氨球罐",
    "kind": "tank",
}
POINT: Final[dict[str, Any]] = {
    "id": "17",
    "enterprise": "DY-CHEM-01",
    "region": "510603",
    "simulated": False,
    "source": "DYC01-R001",
    "unit": "TK101",
    "tag": "TK101.LT",
    "name": "液位",
    "quantity": "level",
    "engineering_unit": "m",
    "range": [0.0, 12.0],
    "period_s": 10.0,
    "limits": {"ll": 0.5, "l": 1.0, "h": 9.0, "hh": 10.0},
    "deadband": 0.05,
    "on_delay_s": None,
    "off_delay_s": 30.0,
    "delays": {"ll": 0.0, "l": 60.0, "h": 60.0, "hh": 0.0},
    "confirmation": None,
    "bridge_s": 30.0,
    "stale_s": 30.0,
    "timers": {"limit": {"acknowledge_orange_s": [120.0, 600.0, 1800.0]}},
    "tiers": {},
    "detect": None,
    "gateway": "gw-dyc-01",
    "substance": None,
    "sector": None,
    "registered_at": "2026-11-20T00:00:00Z",
    "last": {"t": 1763712000120, "v": 3.21, "q": 0},
}
READINGS: Final[dict[str, Any]] = {
    "point": "17",
    "resolution": "raw",
    "unit": "m",
    "rows": [[1763712000120, 3.21, "good"]],
}
GATEWAY: Final[dict[str, Any]] = {
    "id": "gw-dyc-01",
    "enterprise": "DY-CHEM-01",
    "region": "510603",
    "simulated": False,
    "state": "online",
    "state_at": "2026-11-21T08:00:00Z",
    "last_seen": "2026-11-21T08:00:04.180Z",
    "heard": "online",
    "expected_silence_s": 30.0,
    "clock_error_s": -0.06,
    "last_seq": 881,
    "messages": 1200,
    "accepted": 120000,
    "rejected": 3,
    "lost": 0,
    "loss": 0.0,
    "corrected": {
        "count": 12,
        "stamp": "2026-11-20T09:00:00Z",
        "received": "2026-11-20T08:00:00.250Z",
        "ahead_s": 3599.75,
    },
    "has_credential": True,
    "dialect": "neuron",
    "mapping": [{"field": "LT", "tag": "TK101.LT", "scale": 1.0, "offset": 0.0, "unit": "m"}],
}
GATEWAY_DETAIL: Final[dict[str, Any]] = {
    **GATEWAY,
    "rates": {
        "messages_per_s": {"1m": 0.1, "15m": 0.1},
        "readings_per_s": {"1m": 8.8, "15m": 8.8},
    },
    "credential": {"standing": "given", "since": "2026-11-20T00:00:00Z"},
    "certificates": [],
    "refused": [
        {
            "reason": "unknown_point",
            "words": {
                "zh": "本企业没有登记该位号。",
                "en": "No point of this enterprise has this tag.",
            },
            "count": 3,
            "first_at": "2026-11-21T08:00:04.180Z",
            "last_at": "2026-11-21T08:00:04.180Z",
            "tags": ["TK999.LT"],
            "sample": {"tag": "TK999.LT", "value": 1.0},
            "payload": '{"ts": 1763712000120, "values": {"TK999.LT": 1.0}}',
            "payload_base64": None,
        }
    ],
}
GATEWAY_HISTORY: Final[dict[str, Any]] = {
    "gateway": "gw-dyc-01",
    "resolution": "1m",
    "rows": [[1763712000000, 6, 528, 0, 0, -0.06, -0.07, -0.05]],
}
ISSUED: Final[dict[str, Any]] = {
    "gateway": "gw-dyc-01",
    "enterprise": "DY-CHEM-01",
    "username": "gw-dyc-01",
    "password": "XHn0yJtOUsTIDvPxmP2PWEyWCEY",
    "broker": "mqtts://broker.example:8883",
    "topics": {"readings": "fengsui/v1/gw-dyc-01/readings"},
    "example": "mosquitto_pub -h broker.example -p 8883 -u gw-dyc-01 …",
    "told": ["the broker has taken up the account"],
}
ISSUED_CERTIFICATE: Final[dict[str, Any]] = {
    "gateway": "gw-dyc-01",
    "serial": "5f2c",
    "fingerprint": "9b1d…",
    "not_before": "2026-11-20T00:00:00Z",
    "not_after": "2027-11-20T00:00:00Z",
    "certificate": "-----BEGIN CERTIFICATE-----…",
    "key": None,
    "ca": "-----BEGIN CERTIFICATE-----…",
    "told": [],
}
REVOKED: Final[dict[str, Any]] = {
    "gateway": "gw-dyc-01",
    "closed": True,
    "told": ["the broker has ended its connection and forgotten the account"],
}
REJECT: Final[dict[str, Any]] = {
    "id": 9,
    "received": "2026-11-21T08:00:04.180Z",
    "gateway": "gw-dyc-01",
    "enterprise": "DY-CHEM-01",
    "reason": "unknown_point",
    "words": {"zh": "本企业没有登记该位号。", "en": "No point of this enterprise has this tag."},
    "tag": "TK999.LT",
    "count": 3,
    "first": {"tag": "TK999.LT", "value": 1.0},
    "payload": '{"ts": 1763712000120, "values": {"TK999.LT": 1.0}}',
    "payload_base64": None,
}
TRAIL: Final[dict[str, Any]] = {
    "id": 4,
    "at": "2026-11-21T08:00:00Z",
    "actor": "wang",
    "action": "sign_in",
    "object": "person:wang",
    "before": None,
    "after": None,
}
CLOUD_EVENT: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": f"{ALARM['id']}:3",
    "source": "/regions/510603/enterprises/DY-CHEM-01/sources/DYC01-R001",
    "type": "cn.fengsui.alarm.tier_up",
    "subject": "TK101.GT",
    "time": ALARM["t_event"],
    "datacontenttype": "application/json",
    "data": ALARM | {"t_pushed": "2026-11-21T08:00:04.209Z"},
}
JOURNAL_PAGE: Final[dict[str, Any]] = {
    "items": [{"offset": 4712, "event": CLOUD_EVENT}],
    "next": "5f0c:4712",
    "head": 4712,
    "floor": 1,
    "recovered": True,
}
RULE: Final[dict[str, Any]] = {
    "pack": "gas_detection",
    "version": 1,
    "binding": "bound",
    "standard": "GB/T 50493-2019",
    "clause": "5.5.2",
    "mark": "V",
    "seen": ["GB/T 50493-2019 § 5.5.2"],
    "place": {"zh": "点型可燃气体探测器", "en": "point detectors of combustible gas"},
    "quantities": ["combustible_gas"],
    "units": ["%LEL"],
    "source_kinds": ["tank_farm", "warehouse", "process_unit", "other"],
    "sectors": [],
    "substances": [],
    "kind": "limit",
    "name": "h",
    "value": 25.0,
    "direction": "max",
    "words": {"zh": "低报值", "en": "first (low) alarm level"},
    "action": {"zh": "现场核实，查找泄漏源", "en": "check on site and look for the leak"},
}
PREVIEW_ASKED: Final[dict[str, Any]] = {
    "sample": '{"timestamp":1763712000120,"node":"plc1","group":"tank",'
    '"values":{"LT":3.21},"errors":{"PT":2014}}',
    "mapping": [{"field": "LT", "tag": "TK101.LT", "unit": "m"}],
}
PREVIEW: Final[dict[str, Any]] = {
    "gateway": "gw-dyc-01",
    "dialect": "neuron",
    "dialect_set": False,
    "accepted": 1,
    "rejected": 1,
    "readings": [
        {
            "tag": "TK101.LT",
            "name": "液位",
            "value": 3.21,
            "unit": "m",
            "time": "2025-11-21T08:00:00.120Z",
            "quality": "good",
            "flags": [],
        }
    ],
    "refused": [
        {
            "reason": "bad_value",
            "tag": "TK101.PT",
            "field": "PT",
            "count": 1,
            "first": {"tag": "TK101.PT", "field": "PT", "value": {"error": 2014}},
            "words": {"zh": "这个值不能用：……", "en": "this value cannot be used: …"},
        }
    ],
}
IMPORTED: Final[dict[str, Any]] = {
    "created": 12,
    "changed": 1,
    "unchanged": 0,
    "kinds": {"points": {"created": 12, "changed": 1, "unchanged": 0}},
    "warnings": [],
}
WEBHOOK: Final[dict[str, Any]] = {
    "id": 1,
    "name": "deyang-emergency",
    "url": "https://warning.example.gov.cn/fengsui",
    "filter": {"tier_min": "orange"},
    "scope": "5106",
    "created_by": "zhao",
    "created_at": "2026-11-21T08:00:00.000Z",
    "state": "active",
    "position": "5f0c:4712",
    "attempts": 0,
    "why": None,
    "failing_since": None,
    "next_at": None,
    "delivered_at": "2026-11-21T08:00:04.240Z",
    "dead": 0,
}
WEBHOOK_SECRET: Final[dict[str, Any]] = WEBHOOK | {"secret": "whsec_c2hvd24gb25jZQ=="}
DEAD_LETTER: Final[dict[str, Any]] = {
    "offset": 4711,
    "at": "2026-11-21T08:00:03.900Z",
    "status": 400,
    "error": "400 Bad Request: unknown field",
    "again": False,
}
REDELIVERY: Final[dict[str, Any]] = {"wanted": 1}

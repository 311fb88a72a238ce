"""JSON Schemas of channels, rosters, tables of who is told, and notifications; with examples."""

from typing import Any, Final

from alarms.storage import notifications
from api.schema_terms import (
    FLAG,
    MOMENT,
    MOMENT_OR_NULL,
    OFFSET,
    TEXT,
    TEXT_OR_NULL,
    TIER,
    WHOLE,
    Schema,
    reference,
    thing,
)

_TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
_WORDING: Final[Schema] = thing("A notice in one language.", title=TEXT, text=TEXT)
THINGS: Final[dict[str, Schema]] = {
    "Channel": thing(
        "A means of telling people; it carries what its scope covers.",
        name=TEXT,
        kind={"enum": ["smtp", "webhook", "dingtalk", "wecom", "feishu"]},
        url=TEXT,
        has_secret=FLAG,
        account=TEXT_OR_NULL,
        sender=TEXT_OR_NULL,
        language={"enum": ["zh", "en"]},
        template={"type": ["object", "null"]},
        scope=TEXT,
        changed_by=TEXT,
        changed_at=MOMENT,
    ),
    "ChannelTrial": thing("What came of a test message.", taken=FLAG, answer=TEXT),
    "RosterNow": thing(
        "A roster, and what follows from it now: who is on duty, when within 7 days nobody is.",
        place=TEXT,
        roster=reference("Roster"),
        changed_at=MOMENT,
        on_duty=_TEXTS,
        gaps={
            "type": "array",
            "items": thing("Nobody is on duty.", begins=MOMENT, ends=MOMENT),
        },
        without_address=_TEXTS,
    ),
    "RegionNotificationTable": thing(
        "Who is told in a region; region null is the shipped table.",
        region=TEXT_OR_NULL,
        table=reference("NotificationTable"),
    ),
    "Notification": thing(
        "Somebody who was told of an alarm or a warning, or could not be, and the result.",
        id=WHOLE,
        offset=OFFSET,
        alarm=TEXT,
        rev=WHOLE,
        kind=TEXT,
        moment=TEXT,
        tier=TIER,
        region=TEXT_OR_NULL,
        enterprise=TEXT_OR_NULL,
        source=TEXT_OR_NULL,
        simulated=FLAG,
        target=TEXT,
        person=TEXT_OR_NULL,
        channel=TEXT_OR_NULL,
        address=TEXT_OR_NULL,
        note=TEXT,
        words=thing("What is said.", zh=_WORDING, en=_WORDING),
        state={"enum": list(notifications.STATES)},
        joined_to={"type": ["integer", "null"]},
        attempts=WHOLE,
        answer=TEXT_OR_NULL,
        planned_at=MOMENT,
        due_at=MOMENT,
        ended_at=MOMENT_OR_NULL,
    ),
}
CHANNEL_EXAMPLE: Final[dict[str, Any]] = {
    "name": "deyang-duty",
    "kind": "dingtalk",
    "url": "https://oapi.dingtalk.com/…",
    "has_secret": True,
    "account": None,
    "sender": None,
    "language": "zh",
    "template": None,
    "scope": "5106",
    "changed_by": "li",
    "changed_at": "2026-11-21T08:00:00Z",
}
TRIAL_EXAMPLE: Final[dict[str, Any]] = {"taken": True, "answer": '200 {"errcode":0,"errmsg":"ok"}'}
ROSTER_EXAMPLE: Final[dict[str, Any]] = {
    "place": "510600",
    "roster": {
        "persons": [
            {
                "name": "王五",
                "phone": "13800000001",
                "addresses": [{"channel": "deyang-duty", "to": "13800000001"}],
            },
            {"name": "赵六", "phone": "", "addresses": [{"channel": "deyang-duty", "to": ""}]},
        ],
        "shifts": [
            {"begins": "08:00", "ends": "20:00", "persons": ["王五"]},
            {"begins": "20:00", "ends": "08:00", "persons": ["赵六"]},
        ],
        "changes": [
            {"begins": "2026-10-01T08:00", "ends": "2026-10-01T20:00", "persons": ["赵六"]}
        ],
    },
    "changed_at": "2026-11-21T08:00:00Z",
    "on_duty": ["王五"],
    "gaps": [],
    "without_address": [],
}
TABLE_EXAMPLE: Final[dict[str, Any]] = {
    "region": "510600",
    "table": {
        "rows": [
            {"tiers": ["red"], "when": ["raised"], "tell": ["duty:enterprise", "duty:county"]}
        ],
        "simulated": False,
    },
}
NOTIFICATION_EXAMPLE: Final[dict[str, Any]] = {
    "id": 17,
    "offset": 4711,
    "alarm": "01KAKZ5N3G7Q2V9T4R6W8Y0ABC",
    "rev": 1,
    "kind": "limit",
    "moment": "raised",
    "tier": "red",
    "region": "510603",
    "enterprise": "DY-CHEM-01",
    "source": "DYC01-R001",
    "simulated": False,
    "target": "duty:city",
    "person": "王五",
    "channel": "deyang-duty",
    "address": "13800000001",
    "note": "duty:county: nobody on duty",
    "words": {
        "zh": {
            "title": "红色报警 发生：德阳某化工有限公司 液氨罐区",
            "text": "1 号液氨球罐液位达到高高限\n时间：2026-11-21 16:00:00（北京时间）",
        },
        "en": {
            "title": "Red alarm raised: 德阳某化工有限公司 液氨罐区",
            "text": "level of tank 1 at the high-high limit\nTime: 2026-11-21 16:00:00 (China)",
        },
    },
    "state": "sent",
    "joined_to": None,
    "attempts": 1,
    "answer": '200 {"errcode":0,"errmsg":"ok"}',
    "planned_at": "2026-11-21T08:00:00.210Z",
    "due_at": "2026-11-21T08:00:00.210Z",
    "ended_at": "2026-11-21T08:00:00.480Z",
}

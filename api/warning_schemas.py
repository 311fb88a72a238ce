"""JSON Schemas of warnings, their tables and what happens to them."""

from typing import Any, Final

from alarms.warning import GOVERNMENTS, Change, Stage
from api import frames, relay_schemas
from api.schema_terms import (
    FLAG,
    MOMENT,
    MOMENT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    TIER,
    WORDS,
    Schema,
    cloud_event,
    reference,
    story_row,
    thing,
    thing_or_null,
)

_GOVERNMENT: Final[Schema] = {"enum": list(GOVERNMENTS)}
_SAID: Final[dict[str, Schema]] = {"by": TEXT, "at": MOMENT, "note": TEXT}
_NULL: Final[Schema] = {"type": "null"}
_TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
WARNING: Final = thing(
    "A warning's whole state; the law's eight fields are category, level, starts_at, area, "
    "cautions, measures, issuer and published_at.",
    id=TEXT,
    rev={"type": "integer", "minimum": 1},
    kind={"const": "warning"},
    stage={"enum": [stage.value for stage in Stage]},
    level=TIER,
    tier=TIER,
    peak_tier=TIER,
    asked_level=TIER,
    government=_GOVERNMENT,
    active=FLAG,
    simulated=FLAG,
    automatic=FLAG,
    basis=TEXT,
    subject=TEXT,
    name=TEXT,
    region=TEXT,
    enterprise=TEXT_OR_NULL,
    source=TEXT_OR_NULL,
    unit=_NULL,
    point=_NULL,
    quantity=_NULL,
    value=_NULL,
    limit=_NULL,
    engineering_unit=_NULL,
    category=TEXT,
    starts_at=MOMENT_OR_NULL,
    area=TEXT,
    cautions=TEXT,
    measures=TEXT,
    issuer=TEXT,
    published_at=MOMENT_OR_NULL,
    alarms=_TEXTS,
    receipts={
        "type": "object",
        "required": list(GOVERNMENTS),
        "additionalProperties": thing_or_null(**_SAID),
    },
    received_by={"type": "object", "additionalProperties": thing("A desk's.", by=TEXT, at=MOMENT)},
    handling={"type": "array", "items": thing("What is done.", **_SAID)},
    feedback={"type": "array", "items": thing("What came of it.", **_SAID)},
    lift=thing_or_null(by=TEXT, at=MOMENT, reason=TEXT, active=_TEXTS),
    t_proposed=MOMENT,
    t_event=MOMENT,
    t_received=MOMENT,
    t_committed=MOMENT_OR_NULL,
    t_pushed=MOMENT_OR_NULL,
    t_lifted=MOMENT_OR_NULL,
    message=WORDS,
)
THINGS: Final[dict[str, Schema]] = {
    "Warning": relay_schemas.perhaps_relayed(WARNING),
    "WarningEvent": cloud_event(
        "CloudEvents 1.0: what happened to a warning.",
        [frames.WARNING_PREFIX + change.value for change in Change],
        reference("Warning"),
    ),
    "AnyEvent": {
        "description": "What happened to an alarm, or to a warning: `type` says which.",
        "oneOf": [
            reference("CloudEvent"),
            reference("WarningEvent"),
        ],
    },
    "WarningEntry": story_row(
        "One row of a warning's story and who did it.",
        "warning",
        [change.value for change in Change],
        reference("Warning"),
    ),
    "RegionTable": thing(
        "Which alarms ask for a warning in a region; region null is the shipped table.",
        region=TEXT_OR_NULL,
        table=reference("WarningTable"),
    ),
}
EXAMPLE: Final[dict[str, Any]] = {
    "id": "01KAKZ9Q6M2R8T4V0W6X3Y5ABC",
    "rev": 3,
    "kind": "warning",
    "stage": "received",
    "level": "orange",
    "tier": "orange",
    "peak_tier": "orange",
    "asked_level": "orange",
    "government": "city",
    "active": True,
    "simulated": False,
    "automatic": False,
    "basis": "default 2 (D)",
    "subject": "DYC01-R001",
    "name": "液氨罐区",
    "region": "510603",
    "enterprise": "DY-CHEM-01",
    "source": "DYC01-R001",
    **dict.fromkeys(("unit", "point", "quantity", "value", "limit", "engineering_unit")),
    "category": "事故灾难",
    "starts_at": "2026-11-21T08:00:00.120Z",
    "area": "德阳某化工有限公司液氨罐区及其周边",
    "cautions": "1 号液氨球罐液位达到高高限",
    "measures": "启动应急预案，加强监测、会商并及时报告；责令应急救援队伍待命。",
    "issuer": "德阳市人民政府",
    "published_at": "2026-11-21T08:04:00Z",
    "alarms": ["01KAKZ5N3G7Q2V9T4R6W8Y0ABC"],
    "receipts": {
        "county": {"by": "li", "at": "2026-11-21T08:05:10Z", "note": ""},
        "city": None,
        "province": None,
    },
    "received_by": {"510603": {"by": "li", "at": "2026-11-21T08:05:10Z"}},
    "handling": [],
    "feedback": [],
    "lift": None,
    "t_proposed": "2026-11-21T08:00:05Z",
    "t_event": "2026-11-21T08:05:10Z",
    "t_received": "2026-11-21T08:05:10Z",
    "t_committed": "2026-11-21T08:05:10Z",
    "t_pushed": None,
    "t_lifted": None,
    "message": {
        "zh": "德阳市人民政府发布橙色预警（二级）：德阳某化工有限公司液氨罐区及其周边",
        "en": "orange warning issued by 德阳市人民政府: 德阳某化工有限公司液氨罐区及其周边",
    },
}
ENTRY_EXAMPLE: Final[dict[str, Any]] = {
    "offset": 4713,
    "warning": EXAMPLE["id"],
    "rev": 3,
    "type": "received",
    "t_event": EXAMPLE["t_event"],
    "t_committed": EXAMPLE["t_committed"],
    "actor": "li",
    "org_level": "county",
    "note": "",
    "data": EXAMPLE,
}
EVENT_EXAMPLE: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": f"{EXAMPLE['id']}:3",
    "source": "/regions/510603/enterprises/DY-CHEM-01/sources/DYC01-R001",
    "type": "cn.fengsui.warning.received",
    "subject": EXAMPLE["subject"],
    "time": EXAMPLE["t_event"],
    "datacontenttype": "application/json",
    "data": EXAMPLE,
}
WISH_EXAMPLE: Final[dict[str, Any]] = {"rev": 1, "level": "orange", "note": "经会商"}
DRAFT_EXAMPLE: Final[dict[str, Any]] = {
    "level": "yellow",
    "region": "510603",
    "cautions": "台风将至，储罐区停止装卸",
    "starts_at": "2026-11-21T12:00:00+08:00",
}
TABLE_EXAMPLE: Final[dict[str, Any]] = {
    "region": "510600",
    "table": {
        "rows": [{"level": "orange", "tier": "red", "lasting_s": 300, "source_levels": [1, 2]}],
        "issued_by": {"orange": "city"},
        "issuer": {"city": "德阳市应急管理局"},
        "measures": {},
    },
}

"""Who may do what: the rights of the contracts as one table, for the tests of every door.

It is written by hand and reads nothing of the product: what it says is what must be.
"""

from dataclasses import dataclass
from typing import Any, Final

ROLES: Final = (
    *("viewer", "operator", "supervisor", "enterprise", "duty"),
    *("engineer", "auditor", "platform", "tower", "administrator"),
)
EVERY: Final = " ".join(ROLES)
SITE: Final = "supervisor engineer* administrator"
CONTACTS: Final = "supervisor enterprise duty auditor administrator"
GOVERNMENT: Final = "duty@ administrator&"

# A role may do it      with `*` to what is simulated only
#                       with `@` only where its scope is a region: a government
#                       with `&` only where its scope is a region or everything
#                       with `~` only to what it did itself (here nobody did)
# own                   a thing of the enterprise ALPHA in 510603; outside the scope it is not there
# region                a thing of the region 510603 itself, no enterprise's; likewise
# list                  cut to the scope
# all                   with the scope `all` only
# known                 the same for everybody known
# public                the same for everybody
# The answer is that of a call which was let through; texts too long and the like keep the plant
# as it is, so that cells may come in any order.
TABLE: Final = f"""
GET    alarms                                | {EVERY}  | list   | 200
GET    alarms/{{alarm_id}}                   | {EVERY}  | own    | 200
GET    alarms/{{alarm_id}}.cap.xml           | {EVERY}  | own    | 200
GET    alarms/{{alarm_id}}/journal           | {EVERY}  | own    | 200
POST   alarms/{{alarm_id}}/acknowledge       | operator enterprise {SITE}   | own | 422 at most
POST   alarms/{{alarm_id}}/unacknowledge     | {SITE}                       | own | 422 at most
POST   alarms/{{alarm_id}}/comment           | operator enterprise duty {SITE} | own | 422 at most
POST   alarms/{{alarm_id}}/shelve            | operator {SITE}              | own | 422 at most
POST   alarms/{{alarm_id}}/unshelve          | operator~ {SITE}             | own | 422 at most
POST   alarms/{{alarm_id}}/suppress          | {SITE}                       | own | 422 at most
POST   alarms/{{alarm_id}}/unsuppress        | {SITE}                       | own | 422 at most
POST   alarms/{{alarm_id}}/out_of_service    | {SITE}                       | own | 422 at most
POST   alarms/{{alarm_id}}/return_to_service | {SITE}                       | own | 422 at most
POST   alarms/{{alarm_id}}/reset             | operator {SITE}              | own | 422 at most
POST   alarms/{{alarm_id}}/close_out         | enterprise {SITE}            | own | 422 at most
POST   alarms/{{alarm_id}}/receipt           | duty@ administrator@         | own | 422 at most
GET    regions                               | {EVERY}  | list   | 200
GET    enterprises                           | {EVERY}  | list   | 200
GET    sources                               | {EVERY}  | list   | 200
GET    units                                 | {EVERY}  | list   | 200
GET    points                                | {EVERY}  | list   | 200
GET    points/{{point_id}}/readings          | {EVERY}  | own    | 200
GET    gateways                              | {EVERY}  | list   | 200
GET    gateways/{{gateway}}                  | {EVERY}  | own    | 200
GET    gateways/{{gateway}}/history          | {EVERY}  | own    | 200
POST   gateways/{{gateway_id}}/preview       | {EVERY}  | own    | 200
POST   gateways                              | enterprise administrator | own | 409 has credentials
POST   gateways/{{gateway}}/rotate           | enterprise administrator | own | 200
POST   gateways/{{gateway}}/revoke           | enterprise administrator | own | 200
POST   gateways/{{gateway}}/certificates     | enterprise administrator | own | 201
POST   gateways/{{gateway}}/certificates/{{serial}}/revoke | enterprise administrator | own | 204
GET    authority/ca.pem                      | {EVERY}  | known  | 200
GET    authority/revocations.pem             | {EVERY}  | known  | 200
GET    warnings                              | {EVERY}  | list   | 200
GET    warnings/{{warning_id}}               | {EVERY}  | own    | 200
GET    warnings/{{warning_id}}.cap.xml       | {EVERY}  | own    | 200
GET    warnings/{{warning_id}}/journal       | {EVERY}  | own    | 200
POST   warnings                              | {GOVERNMENT} | own | 409 open warning
POST   warnings/{{warning_id}}/issue         | {GOVERNMENT} | own | 422 at most
POST   warnings/{{warning_id}}/receipt       | duty@ administrator@ | own | 422 at most
POST   warnings/{{warning_id}}/handle        | {GOVERNMENT} | own | 422 at most
POST   warnings/{{warning_id}}/feedback      | enterprise {GOVERNMENT} | own | 422 at most
POST   warnings/{{warning_id}}/adjust        | {GOVERNMENT} | own | 422 at most
POST   warnings/{{warning_id}}/lift          | {GOVERNMENT} | own | 422 at most
GET    warning-tables                        | {EVERY}  | list   | 200
PUT    warning-tables/{{region}}             | administrator | region | 200
DELETE warning-tables/{{region}}             | administrator | region | 204
GET    webhooks                              | administrator | list   | 200
POST   webhooks                              | administrator | list   | 409 already
DELETE webhooks/{{webhook}}                  | administrator | region | 204
POST   webhooks/{{webhook}}/pause            | administrator | region | 200
POST   webhooks/{{webhook}}/resume           | administrator | region | 200
GET    webhooks/{{webhook}}/dead-letters     | administrator | region | 200
POST   webhooks/{{webhook}}/redeliver        | administrator | region | 202
GET    channels                              | administrator | list   | 200
PUT    channels/{{name}}                     | administrator | list   | 200
DELETE channels/{{name}}                     | administrator | region | 204
POST   channels/{{name}}/test                | administrator | region | 200
GET    notifications                         | {EVERY}  | list   | 200
GET    notification-tables                   | {EVERY}  | list   | 200
PUT    notification-tables/{{region}}        | administrator | region | 200
DELETE notification-tables/{{region}}        | administrator | region | 204
GET    rosters                               | {CONTACTS} | list | 200
GET    rosters/{{place}}                     | {CONTACTS} | region | 200
PUT    rosters/{{place}}                     | administrator | region | 200
DELETE rosters/{{place}}                     | administrator | region | 204
GET    tower                                 | {EVERY}  | known  | 200
PUT    tower                                 | administrator  | all    | 200
GET    relays                                | administrator& | list   | 200
POST   relays                                | administrator& | list   | 422 name
DELETE relays/{{relay}}                      | administrator& | region | 204
POST   relays/{{relay}}/pause                | administrator& | region | 200
POST   relays/{{relay}}/resume               | administrator& | region | 200
POST   relays/{{relay}}/resend               | administrator& | region | 200
GET    relays/{{relay}}/refusals             | administrator& | region | 200
GET    origins                               | administrator  | all    | 200
POST   origins/{{tower_id}}/release          | administrator  | all    | 404 no tower
GET    origins/{{tower_id}}/refusals         | administrator  | all    | 200
GET    origins/{{tower_id}}/commands         | administrator  | all    | 200
GET    reports/{{span}}.{{form}}             | {EVERY}  | list   | 200
GET    rules                                 | {EVERY}  | known  | 200
GET    kpi                                   | {EVERY}  | list   | 200
GET    journal                               | {EVERY}  | list   | 200
GET    rejects                               | {EVERY}  | list   | 200
GET    audit                                 | auditor administrator | all | 200
GET    audit.{{form}}                        | auditor administrator | all | 200
POST   registry                              | administrator | all | 200
GET    session                               | {EVERY}  | known  | 200
DELETE session                               | {EVERY}  | known  | 204
POST   session                               | {EVERY}  | public | 422 wanted
GET    session/ways                          | {EVERY}  | public | 200
GET    session/oidc                          | {EVERY}  | public | 404 no provider
GET    session/oidc/callback                 | {EVERY}  | public | 404 no provider
GET    healthz                               | {EVERY}  | public | 200
GET    readyz                                | {EVERY}  | public | 503
GET    metrics                               | {EVERY}  | public | 200
POST   broker/{{key}}/rabbitmq/user          | none     | public | 401 broker's token
POST   broker/{{key}}/rabbitmq/vhost         | none     | public | 401 broker's token
POST   broker/{{key}}/rabbitmq/resource      | none     | public | 401 broker's token
POST   broker/{{key}}/rabbitmq/topic         | none     | public | 401 broker's token
POST   broker/{{key}}/emqx/authentication    | none     | public | 401 broker's token
POST   broker/{{key}}/emqx/authorization     | none     | public | 401 broker's token
SOCKET alarms auth                           | {EVERY}  | known  | error
SOCKET alarms subscribe                      | {EVERY}  | list   | subscribed
SOCKET alarms unsubscribe                    | {EVERY}  | known  | unsubscribed
SOCKET alarms ack                            | {EVERY}  | known  | error
SOCKET alarms command                        | {EVERY}  | own    | result
SOCKET values auth                           | {EVERY}  | known  | error
SOCKET values subscribe                      | {EVERY}  | list   | points
SOCKET values unsubscribe                    | {EVERY}  | known  | nothing
SOCKET relay                                 | tower    | list   | welcome
SOCKET gateways/{{gateway}}/payloads         | {EVERY}  | own    | watching
"""

SCOPES: Final = {
    "510603": "the region it lies in",
    "510600": "the region above that",
    "440305": "a foreign region",
    "ALPHA-1": "its enterprise",
    "BRAVO-1": "another enterprise of that city",
    "all": "everything",
}
REGIONS: Final = {"510603": "510603", "510600": "5106", "440305": "440305"}
"""What the codes of places within a region begin with."""
ENTERPRISES: Final = {"ALPHA-1": "510603", "BRAVO-1": "510681", "CHARLY-1": "440305"}
OWN: Final = "ALPHA-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One row: a door, who may use it, what it leads to, and what it answers."""

    door: str
    roles: frozenset[str]
    marks: dict[str, str]
    reach: str
    answer: str
    said: str

    def hidden_from(self, scope: str) -> bool:
        """Tell whether what the door leads to is not there for a scope."""
        match self.reach:
            case "own":
                return not covers(scope, ENTERPRISES[OWN], OWN)
            case "region":
                return not covers(scope, ENTERPRISES[OWN], None)
            case _:
                return False

    def lets(self, role: str, scope: str, *, simulated: bool = False) -> bool:
        """Tell whether a role with a scope may, as far as it sees the thing at all."""
        if self.reach == "public":
            return True
        if role not in self.roles or (self.reach == "all" and scope != "all"):
            return False
        match self.marks.get(role):
            case "*":
                return simulated
            case "@":
                return scope in REGIONS
            case "&":
                return scope in REGIONS or scope == "all"
            case "~":
                return False
            case _:
                return True


def covers(scope: str, region: str | None, enterprise: str | None) -> bool:
    """Tell whether a scope covers a thing of this region and enterprise."""
    if scope == "all":
        return True
    if scope in REGIONS:
        return region is not None and region.startswith(REGIONS[scope])
    return enterprise == scope


def foreign_to(scope: str) -> list[str]:
    """Return the enterprises a scope does not cover."""
    return [code for code, region in ENTERPRISES.items() if not covers(scope, region, code)]


def _right(line: str) -> Right:
    door, roles, reach, answer = (part.strip() for part in line.split("|"))
    named = {role.rstrip("*@&~"): role[len(role.rstrip("*@&~")) :] for role in roles.split()}
    assert set(named) <= {*ROLES, "none"}, line
    status, _, said = answer.partition(" ")
    return Right(
        door=" ".join(door.split()),
        roles=frozenset(named),
        marks={role: mark for role, mark in named.items() if mark},
        reach=reach,
        answer=status,
        said=said,
    )


RIGHTS: Final = {
    right.door: right for right in map(_right, filter(None, TABLE.strip().splitlines()))
}
TOO_LONG: Final = {"note": "长" * 2_001, "until": "2099-01-01T00:00:00Z"}
BODIES: Final[dict[str, Any]] = {
    **{door: TOO_LONG for door in RIGHTS if door.startswith("POST alarms/")},
    **{door: {"note": TOO_LONG["note"]} for door in RIGHTS if door.startswith("POST warnings/")},
    "POST warnings": {"level": "yellow", "enterprise": OWN, "source": f"{OWN}-S1"},
    "POST gateways": {"id": f"gw-{OWN}", "enterprise": OWN},
    "POST gateways/{gateway}/certificates": {},
    "POST gateways/{gateway_id}/preview": {"sample": {"values": {"T1": 1.0}}},
    "PUT warning-tables/{region}": {"rows": [{"level": "orange", "tier": "red"}]},
    "POST webhooks": {"name": "hook", "url": "https://platform.example/hook"},
    "PUT channels/{name}": {"kind": "webhook", "url": "https://127.0.0.1:1/"},
    "POST channels/{name}/test": {},
    "PUT notification-tables/{region}": {},
    "PUT rosters/{place}": {},
    "PUT tower": {"name": "德阳市"},
    "POST relays": {},
    "POST registry": {
        "regions": [{"code": "510603P01", "name": "园", "parent": "510603", "kind": "park"}]
    },
    "POST session": {},
    "POST broker/{key}/emqx/authentication": {},
    "POST broker/{key}/emqx/authorization": {"username": "u", "topic": "t", "action": "publish"},
}

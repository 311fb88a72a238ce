"""What each role may do to an alarm within its scope (contracts.md section 1, ui.md section 2)."""

from typing import Final

from alarms.deeds import Deed
from alarms.scope import Scope
from alarms.warning import Duty

ROLES: Final = (
    "viewer",
    "operator",
    "supervisor",
    "enterprise",
    "duty",
    "engineer",
    "auditor",
    "platform",
    "tower",
    "administrator",
)
BROKER: Final = "broker"
"""The role of a broker's token: it asks about gateways (api.routes.broker) and sees nothing."""
ACTIONS: Final = tuple(deed.value for deed in Deed)
_ON_SITE: Final = frozenset(ACTIONS) - {"receipt"}

_MAY: Final[dict[str, frozenset[str]]] = {
    "viewer": frozenset(),
    "operator": frozenset({"acknowledge", "comment", "shelve", "unshelve", "reset"}),
    "supervisor": _ON_SITE,
    "enterprise": frozenset({"acknowledge", "comment", "close_out"}),
    "duty": frozenset({"comment", "receipt"}),
    "engineer": _ON_SITE,
    "auditor": frozenset(),
    "platform": frozenset(),
    "tower": frozenset(),
    "administrator": frozenset(ACTIONS),
}
_LEVEL_OF_PREFIX: Final = {2: "province", 4: "city"}
_RUNS_GATEWAYS: Final = frozenset({"enterprise", "administrator"})
_READS_CONTACTS: Final = frozenset({"administrator", "auditor", "duty", "enterprise", "supervisor"})
_READS_AUDIT: Final = frozenset({"auditor", "administrator"})


DUTIES: Final = tuple(duty.value for duty in Duty)
_WARNS: Final[dict[str, frozenset[str]]] = {
    "duty": frozenset(DUTIES),
    "administrator": frozenset(DUTIES),
    "enterprise": frozenset({"feedback"}),
}


def level_of(scope: Scope) -> str | None:
    """Return the level of government a scope is: province, city or county; None for others."""
    if scope.region is None:
        return None
    return _LEVEL_OF_PREFIX.get(len(scope.region), "county")


def org_level(role: str, action: str, scope: Scope) -> str:
    """Return for which level somebody acts: duty desks for their government, others on site."""
    if role == "duty" or action == "receipt":
        return level_of(scope) or "site"
    return "site"


def actions_of(role: str, scope: Scope) -> tuple[str, ...]:
    """Return the actions a role may take in a scope, in the contract's order."""
    may = _MAY[role] if level_of(scope) is not None else _MAY[role] - {"receipt"}
    return tuple(action for action in ACTIONS if action in may)


def refusal(
    role: str, action: str, *, scope: Scope, simulated: bool, own_shelf: bool
) -> str | None:
    """Return why a role may not take an action on an alarm within its scope, or None.

    Engineers act only on what is simulated; an operator lifts only a shelving of their own.
    """
    if action not in _MAY[role]:
        return f"the role {role} may not {action} an alarm"
    if action == "receipt" and level_of(scope) is None:
        return "a receipt is a county's, city's or province's; use an account with a region's scope"
    if role == "engineer" and not simulated:
        return f"the role engineer may {action} simulated alarms only"
    if role == "operator" and action == "unshelve" and not own_shelf:
        return "an operator lifts only their own shelving; ask a supervisor"
    return None


def warning_refusal(role: str, duty: str, scope: Scope) -> str | None:
    """Return why a role may not do this to a warning within its scope, or None.

    Warnings are governments': of a county, a city, a province. An administrator of everything
    stands in for each of them, but cannot receive for one; an enterprise gives feedback.
    """
    if duty not in _WARNS.get(role, frozenset()):
        return f"the role {role} may not {duty} a warning"
    if role == "enterprise" or level_of(scope) is not None:
        return None
    if role == "administrator" and scope.everything and duty != "receipt":
        return None
    return f"to {duty} a warning is a county's, city's or province's; use an account of a region"


def duties_of(role: str, scope: Scope) -> tuple[str, ...]:
    """Return what a role may do to the warnings of its scope, in the contract's order."""
    return tuple(duty for duty in DUTIES if warning_refusal(role, duty, scope) is None)


def government_of(scope: Scope) -> str:
    """Return for which level of government somebody acts on a warning."""
    if scope.everything:
        return "province"
    return level_of(scope) or "site"


def sets_warning_tables(role: str) -> bool:
    """Tell whether a role may say what alarms of its region ask for a warning."""
    return role == "administrator"


def sets_notifications(role: str) -> bool:
    """Tell whether a role may say who is told in its scope, by which channel and at what."""
    return role == "administrator"


def reads_contacts(role: str) -> bool:
    """Tell whether a role may read rosters: who is on duty, and where they are reached."""
    return role in _READS_CONTACTS


def runs_gateways(role: str) -> bool:
    """Tell whether a role may give, change and take away gateways' credentials in its scope."""
    return role in _RUNS_GATEWAYS


def runs_webhooks(role: str) -> bool:
    """Tell whether a role may have the push log of its scope delivered to addresses."""
    return role == "administrator"


def relays(role: str) -> bool:
    """Tell whether a token of this role may bring alarms of its scope from a tower below."""
    return role == "tower"


def runs_relays(role: str) -> bool:
    """Tell whether a role may have alarms of its scope relayed, and see what is relayed here."""
    return role == "administrator"


def reads_audit(role: str) -> bool:
    """Tell whether a role may read who changed what."""
    return role in _READS_AUDIT

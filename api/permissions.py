"""What each role may do to an alarm within its scope (contracts.md section 1, ui.md section 2)."""

from typing import Final

ROLES: Final = (
    "viewer",
    "operator",
    "supervisor",
    "enterprise",
    "duty",
    "engineer",
    "auditor",
    "platform",
    "administrator",
)
ACTIONS: Final = ("acknowledge", "unacknowledge", "comment", "shelve", "unshelve")
"""The actions of this version; those of the contract that are not here do not exist yet."""

_MAY: Final[dict[str, frozenset[str]]] = {
    "viewer": frozenset(),
    "operator": frozenset({"acknowledge", "comment", "shelve", "unshelve"}),
    "supervisor": frozenset(ACTIONS),
    "enterprise": frozenset({"acknowledge", "comment"}),
    "duty": frozenset({"comment"}),
    "engineer": frozenset(ACTIONS),
    "auditor": frozenset(),
    "platform": frozenset(),
    "administrator": frozenset(ACTIONS),
}
_READS_AUDIT: Final = frozenset({"auditor", "administrator"})


def actions_of(role: str) -> tuple[str, ...]:
    """Return the actions a role may take, in the contract's order."""
    return tuple(action for action in ACTIONS if action in _MAY[role])


def refusal(role: str, action: str, *, simulated: bool, own_shelf: bool) -> str | None:
    """Return why a role may not take an action on an alarm within its scope, or None.

    Engineers act only on what is simulated; an operator lifts only a shelving of their own.
    """
    if action not in _MAY[role]:
        return f"the role {role} may not {action} an alarm"
    if role == "engineer" and not simulated:
        return f"the role engineer may {action} simulated alarms only"
    if role == "operator" and action == "unshelve" and not own_shelf:
        return "an operator lifts only their own shelving; ask a supervisor"
    return None


def reads_audit(role: str) -> bool:
    """Tell whether a role may read who changed what."""
    return role in _READS_AUDIT

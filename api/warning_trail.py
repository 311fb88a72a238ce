"""What people did to warnings, as lines of the audit trail, whichever way they came."""

import msgspec
from psycopg import AsyncConnection

from alarms import instants
from alarms.storage import queries
from alarms.warning import EarlyWarning


async def record(
    conn: AsyncConnection,
    actor: str,
    done: str,
    *,
    before: EarlyWarning | None,
    after: EarlyWarning,
    note: str,
    now: int,
) -> None:
    """Write down who did what to a warning, from what to what; nothing where nothing moved."""
    if before is not None and before.rev == after.rev:
        return
    await queries.record_trail(
        conn,
        at=instants.to_datetime(now),
        actor=actor,
        action=f"warning.{done}",
        subject=f"warning:{after.id}",
        before=None if before is None else _kept(before),
        after=_kept(after) | {"note": note},
    )


def _kept(warning: EarlyWarning) -> dict[str, object]:
    """Return what the audit trail keeps of a warning."""
    return {
        "rev": warning.rev,
        "stage": warning.stage,
        "level": warning.level.name,
        "notice": msgspec.to_builtins(warning.notice),
    }

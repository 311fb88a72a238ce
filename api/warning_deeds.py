"""What people do to warnings: who may, once under a key, with its line in the audit trail."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from msgspec import Meta, Struct
from psycopg import AsyncConnection

from alarms import instants, towers
from alarms.alarm import Tier
from alarms.errors import ConflictError, NotFoundError
from alarms.storage import origins, warning_drafts, warning_lists, warnings
from alarms.storage.warning_drafts import Draft
from alarms.warning import Action, Duty, EarlyWarning, Notice
from alarms.warning_table import Level
from api import clock, once, permissions, relayed_deeds, warning_trail
from api.identity import Identity
from api.problems import ProblemError
from api.service import Service

TEXT_MOST: Final = 2_000


class _Words(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a warning is to say; `starts_at` in RFC 3339."""

    category: str = ""
    starts_at: str | None = None
    area: str = ""
    cautions: str = ""
    measures: str = ""
    issuer: str = ""


class WarningWish(_Words, frozen=True, kw_only=True):
    """The body of a deed: the rev that was seen, a note, and what the warning is to say.

    `level` and the words (`starts_at` in RFC 3339) belong to issue and adjust; what is left out
    stays as it is proposed. `note` says why, or what is done.
    """

    rev: int | None = None
    note: str = ""
    level: Level | None = None


class WarningDraft(_Words, frozen=True, kw_only=True):
    """The body of a draft: a source of an enterprise, or a region; its alarms, if any; its words.

    `starts_at` in RFC 3339, absent: now. What is left out is filled in as for a proposal.
    """

    level: Level
    region: str | None = None
    enterprise: str | None = None
    source: str | None = None
    alarms: Annotated[tuple[str, ...], Meta(max_length=100)] = ()


async def propose(
    service: Service, identity: Identity, wish: WarningDraft, *, key: str | None = None
) -> str:
    """Make a proposal of a person's own; return its document, as `perform` does."""
    refusal = permissions.warning_refusal(identity.role, Duty.issue, identity.scope)
    if refusal is not None:
        raise ProblemError(403, refusal)
    wanted = Draft(
        level=Tier[wish.level],
        region=wish.region,
        enterprise=wish.enterprise,
        source=wish.source,
        alarms=wish.alarms,
        notice=_words(wish),
        actor=identity.name,
        org_level=permissions.government_of(identity.scope),
        key=key or secrets.token_hex(8),
    )

    async def act(conn: AsyncConnection) -> str:
        now = clock.micros()
        made = await warning_drafts.draft(conn, wanted, scope=identity.scope, now=now)
        await warning_trail.record(
            conn, identity.name, "propose", before=None, after=made, note="", now=now
        )
        return await _document(conn, identity, made.id)

    return await _once(service, identity, ("draft", wish), act, key=key)


async def perform(
    service: Service,
    identity: Identity,
    warning_id: str,
    duty: str,
    wish: WarningWish,
    *,
    key: str | None = None,
) -> str:
    """Act on a warning and return its document; ProblemError 403, 404, 409 or 422.

    With 409 goes the warning as it is now. A call repeated under one `key` answers what the first
    answered and does nothing again.
    """
    if duty not in permissions.DUTIES:
        raise ProblemError(
            404, f"there is no deed {duty!r}; there are {', '.join(permissions.DUTIES)}"
        )

    async def act(conn: AsyncConnection) -> str:
        return await _act(conn, identity, warning_id, Duty(duty), wish)

    return await _once(service, identity, (warning_id, duty, wish), act, key=key)


async def _once(
    service: Service,
    identity: Identity,
    asked: object,
    act: Callable[[AsyncConnection], Awaitable[str]],
    *,
    key: str | None,
) -> str:
    async def answered(conn: AsyncConnection) -> tuple[int, str]:
        return 200, await act(conn)

    async def current(conn: AsyncConnection, error: ConflictError) -> str | None:
        standing = error.current
        held = standing.id if isinstance(standing, EarlyWarning) else str(standing)
        return await warning_lists.warning(conn, held, identity.scope)

    return await once.perform(
        service, identity, asked, answered, key=key, named="warning", current=current
    )


async def _act(
    conn: AsyncConnection, identity: Identity, warning_id: str, duty: Duty, wish: WarningWish
) -> str:
    """Check what the role may, then let the life cycle decide; write down who did it."""
    refusal = permissions.warning_refusal(identity.role, duty, identity.scope)
    whence = await origins.whence(conn, "warning", warning_id, identity.scope)
    if whence is not None and refusal is None:
        await relayed_deeds.ask(
            conn,
            identity,
            whence,
            kind="warning",
            subject=warning_id,
            action=duty,
            rev=wish.rev,
            note=wish.note,
            deeds=towers.WARNING_DEEDS,
        )
        return await _document(conn, identity, warning_id)
    before = await warnings.get(conn, warning_id, scope=identity.scope)
    if refusal is not None:
        raise ProblemError(403, refusal)
    now = clock.micros()
    action = Action(
        kind=duty,
        actor=identity.name,
        org_level=permissions.government_of(identity.scope),
        place=identity.scope.region or "",
        seen_rev=wish.rev,
        note=wish.note,
        level=None if wish.level is None else Tier[wish.level],
        notice=_notice(duty, wish),
    )
    after = await warnings.act(conn, warning_id, action, scope=identity.scope, now=now)
    await warning_trail.record(
        conn, identity.name, duty, before=before, after=after, note=wish.note, now=now
    )
    return await _document(conn, identity, warning_id)


async def _document(conn: AsyncConnection, identity: Identity, warning_id: str) -> str:
    document = await warning_lists.warning(conn, warning_id, identity.scope)
    if document is None:
        raise NotFoundError(f"there is no warning {warning_id} within your scope")
    return document


def _notice(duty: Duty, wish: WarningWish) -> Notice:
    """Return the words that were given; raise ProblemError 422 where a deed takes none."""
    given = [name for name in (*_TEXTS, "starts_at", "level") if getattr(wish, name)]
    if given and duty not in (Duty.issue, Duty.adjust):
        raise ProblemError(422, f"to {duty} changes no words; leave out {', '.join(given)}")
    if len(wish.note) > TEXT_MOST:
        raise ProblemError(422, f"a note has at most {TEXT_MOST} characters")
    return _words(wish)


_TEXTS: Final = ("category", "area", "cautions", "measures", "issuer")


def _words(wish: _Words) -> Notice:
    """Return the words that were given; raise ProblemError 422 for what cannot be used."""
    texts = {name: getattr(wish, name) for name in _TEXTS}
    if max(map(len, texts.values())) > TEXT_MOST:
        raise ProblemError(422, f"each text of a warning has at most {TEXT_MOST} characters")
    try:
        starts_at = None if wish.starts_at is None else instants.from_text(wish.starts_at)
    except ValueError as error:
        raise ProblemError(422, f"`starts_at` is not an RFC 3339 time: {error}") from error
    return Notice(**texts, starts_at=starts_at)

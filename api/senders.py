"""Sends one message by one channel: mail over SMTP, a webhook, a chat's robot."""

import re
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import aiosmtplib
import httpx
import msgspec

from alarms import notices
from alarms.notices import Words
from alarms.storage.channels import CHATS, Channel
from alarms.storage.notifications import Waiting
from api import chats, clock, deliveries, outbound

TIMEOUT_S: Final = 15.0
_LONGEST: Final = 60_000
"""Bytes of text in a mail or for a webhook."""
_PLACES: Final = re.compile(r"\{(?:title|text|to|person|count)\}")
_PORTS: Final = {"smtp": 587, "smtps": 465}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message: what it tells, to which address, and whom it calls by name in a chat.

    `id` stays the same when the message is sent again, so that a receiver can tell.
    """

    id: str
    parts: tuple[Words, ...]
    address: str
    named: tuple[str, ...] = ()
    told: tuple[Waiting, ...] = ()


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: what was answered, and of a failure whether it would be the same again."""

    answer: str
    is_taken: bool
    is_final: bool = False
    wait_s: float | None = None


def message_of(told: Sequence[Waiting], kind: str) -> Message:
    """Make one message of all that waits for an address."""
    first = told[0]
    named = tuple(dict.fromkeys(each.address for each in told if each.address))
    return Message(
        id=f"notification-{first.id}",
        parts=tuple(each.spoken for each in told),
        address=first.address,
        named=named if kind in CHATS else (),
        told=tuple(told),
    )


async def send(channel: Channel, message: Message, http: httpx.AsyncClient) -> Sent:
    """Send a message; never raises for what the other side does."""
    try:
        if channel.kind == "smtp":
            return await _mail(channel, message)
        return await _post(channel, message, http)
    except Exception as error:  # noqa: BLE001  whatever it is, the next message must not wait for it
        return Sent(answer=f"{type(error).__name__}: {error}"[:300], is_taken=False)


async def _mail(channel: Channel, message: Message) -> Sent:
    if "@" not in message.address:
        said = f"{message.address!r} is no mailbox: give the person one in the roster"
        return Sent(answer=said, is_taken=False, is_final=True)
    parts = urlsplit(channel.url)
    host = parts.hostname or ""
    is_near, is_secure = outbound.is_near(host), parts.scheme == "smtps"
    try:
        _, answer = await aiosmtplib.send(
            letter(channel, message, clock.now()),
            recipients=[message.address],
            hostname=host,
            port=parts.port or _PORTS[parts.scheme],
            username=channel.account,
            password=channel.secret,
            use_tls=is_secure,
            # Beyond the private net a server must begin TLS and prove who it is.
            start_tls=False if is_secure else None if is_near else True,
            validate_certs=not is_near,
            timeout=TIMEOUT_S,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [each.code for each in error.recipients]
        return Sent(
            answer=f"refused: {error.recipients[0].code} {error.recipients[0].message}"[:300],
            is_taken=False,
            is_final=min(codes) >= 500,
        )
    except aiosmtplib.SMTPResponseException as error:
        said = f"{error.code} {error.message}"[:300]
        return Sent(answer=said, is_taken=False, is_final=error.code >= 500)
    except (aiosmtplib.SMTPException, ValueError) as error:
        return Sent(answer=f"{type(error).__name__}: {error}"[:300], is_taken=False)
    return Sent(answer=answer[:300], is_taken=True)


def letter(channel: Channel, message: Message, now: datetime) -> EmailMessage:
    """Write the mail."""
    wording = notices.joined(message.parts, channel.language, longest=_LONGEST)
    sender = channel.sender or ""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = message.address
    mail["Subject"] = " ".join(wording.title.split())
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2].rstrip('>')}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{wording.text}\n")
    return mail


async def _post(channel: Channel, message: Message, http: httpx.AsyncClient) -> Sent:
    is_chat = channel.kind in CHATS
    longest = chats.LONGEST[channel.kind] if is_chat else _LONGEST
    wording = notices.joined(message.parts, channel.language, longest=longest)
    url, headers = channel.url, {"content-type": "application/json; charset=utf-8"}
    now = clock.now()
    if is_chat:
        now_ms = int(now.timestamp() * 1000)
        url, body = chats.request(channel.kind, url, channel.secret, wording, message.named, now_ms)
    else:
        body = _document(channel, message, wording)
    content = msgspec.json.encode(body)
    if not is_chat and channel.secret is not None:
        stamp = int(now.timestamp())
        headers |= {
            "webhook-id": message.id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": deliveries.signature(channel.secret, message.id, stamp, content),
        }
    answer = await http.post(url, content=content, headers=headers)
    if not answer.is_success:
        wait = answer.headers.get("retry-after", "")
        failed = deliveries.Answer(status=answer.status_code, error=answer.reason_phrase)
        return Sent(
            answer=f"{answer.status_code} {answer.reason_phrase}: {answer.text[:200]}",
            is_taken=False,
            is_final=failed.is_final,
            wait_s=float(wait) if wait.isdigit() and len(wait) < 5 else None,
        )
    refused = chats.refusal(answer.content) if is_chat else None
    if refused is not None:
        return Sent(answer=refused[0], is_taken=False, is_final=refused[1])
    return Sent(answer=f"{answer.status_code} {answer.text[:100]}".strip(), is_taken=True)


def _document(channel: Channel, message: Message, wording: notices.Wording) -> Any:  # noqa: ANN401  any JSON
    """Return a webhook's body: its template filled in, or everything there is to say."""
    if channel.template is not None:
        person = message.told[0].person if message.told else None
        return filled(
            channel.template,
            {
                "{title}": wording.title,
                "{text}": wording.text,
                "{to}": message.address,
                "{person}": person or "",
                "{count}": str(len(message.parts)),
            },
        )
    return {
        "id": message.id,
        "title": wording.title,
        "text": wording.text,
        "to": message.address,
        "notices": [
            {
                "alarm": each.alarm_id,
                "rev": each.rev,
                "moment": each.moment,
                "target": each.target,
                "person": each.person,
                "simulated": each.simulated,
                "title": each.spoken.spoken(channel.language).title,
                "text": each.spoken.spoken(channel.language).text,
            }
            for each in message.told
        ],
    }


def filled(template: Any, words: dict[str, str]) -> Any:  # noqa: ANN401  any JSON
    """Return a template's JSON with the words put into its texts; it stays JSON."""
    match template:
        case dict():
            return {key: filled(each, words) for key, each in template.items()}
        case list():
            return [filled(each, words) for each in template]
        case str():
            return _PLACES.sub(lambda found: words[found.group()], template)
        case _:
            return template

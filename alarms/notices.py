"""What somebody who is told reads: one notice, several joined, and a trial; Chinese and English."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from alarms import instants
from alarms.alarm import Tier
from alarms.escalation import Recipient, When
from alarms.rosters import LOCAL

Language = Literal["zh", "en"]
_TIERS: Final = {"red": "红色", "orange": "橙色", "yellow": "黄色", "blue": "蓝色"}
_WHEN: Final[dict[str, tuple[str, str]]] = {
    "raised": ("发生", "raised"),
    "step1": ("无人确认，第 1 次升级", "not acknowledged, step 1"),
    "step2": ("无人确认，第 2 次升级", "not acknowledged, step 2"),
    "step3": ("无人确认，第 3 次升级", "not acknowledged, step 3"),
    "returned": ("已恢复正常", "back to normal"),
    "proposed": ("建议发布，待处理", "proposed, waiting for you"),
    "issued": ("已发布", "issued"),
    "adjusted": ("已调整", "adjusted"),
    "lifted": ("已解除", "lifted"),
}
_TARGETS: Final[dict[str, tuple[str, str]]] = {
    "responsible:operation": ("操作负责人", "responsible for operation"),
    "responsible:technical": ("技术负责人", "technically responsible"),
    "responsible:principal": ("主要负责人", "principally responsible"),
    "supervisor:enterprise": ("现场值班负责人", "site supervisor"),
    "duty:enterprise": ("企业值班", "enterprise's duty"),
    "duty:county": ("县级值班", "county's duty"),
    "duty:city": ("市级值班", "city's duty"),
    "duty:province": ("省级值班", "province's duty"),
    "duty:server": ("系统值班", "server's duty"),
    "nobody": ("无人", "nobody"),
}
_REASONS: Final = {
    "nobody is named": "未登记",
    "no roster": "没有值班表",
    "nobody on duty": "无人值班",
    "could not be told": "未能送达",
}
_SEPARATOR: Final = "\n"


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """A notice in one language: its title is one line."""

    title: str
    text: str


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A notice in both."""

    zh: Wording
    en: Wording

    def spoken(self, language: Language) -> Wording:
        """Return it in one language."""
        return self.zh if language == "zh" else self.en


class Matter(NamedTuple):
    """What a notice speaks of: an alarm or a warning, where it is, and its own words.

    `t_event` (Micros) is when what is told happened; `place` names enterprise and source.
    """

    id: str
    when: When
    tier: Tier
    simulated: bool
    is_warning: bool
    place: str
    message_zh: str
    message_en: str
    t_event: int


def words(matter: Matter, recipient: Recipient) -> Words:
    """Write a notice to somebody; an exercise says so first."""
    at = instants.to_datetime(matter.t_event).astimezone(LOCAL)
    zh_kind, en_kind = ("预警", "warning") if matter.is_warning else ("报警", "alarm")
    zh_when, en_when = _WHEN[matter.when]
    zh_told, en_told = _TARGETS.get(recipient.target, (recipient.target, recipient.target))
    person = recipient.person or ""
    zh_drill, en_drill = ("【演练】", "EXERCISE ") if matter.simulated else ("", "")
    zh = [
        matter.message_zh,
        f"时间：{at:%Y-%m-%d %H:%M:%S}（北京时间）",
        f"告知：{zh_told} {person}".rstrip(),
        *(f"说明：{_passed_zh(each)}" for each in recipient.note.split("; ") if each),
        f"编号：{matter.id}",
    ]
    en = [
        matter.message_en,
        f"Time: {at:%Y-%m-%d %H:%M:%S} (China)",
        f"Told: {en_told} {person}".rstrip(),
        *(f"Because: {each}" for each in recipient.note.split("; ") if each),
        f"Id: {matter.id}",
    ]
    tier = matter.tier.name
    return Words(
        zh=Wording(
            title=f"{zh_drill}{_TIERS[tier]}{zh_kind} {zh_when}：{matter.place}",
            text=_SEPARATOR.join(zh),
        ),
        en=Wording(
            title=f"{en_drill}{tier.capitalize()} {en_kind} {en_when}: {matter.place}",
            text=_SEPARATOR.join(en),
        ),
    )


def joined(parts: Sequence[Words], language: Language, *, longest: int) -> Wording:
    """Write one message of several notices, the gravest first, in at most `longest` bytes of UTF-8.

    One alone is written whole; of several each has its title and its first line, as far as there is
    room, and the number of all is named.
    """
    spoken = [part.spoken(language) for part in parts]
    first = spoken[0]
    if len(spoken) == 1:
        return Wording(title=_cut(first.title, longest // 4), text=_cut(first.text, longest // 2))
    count = len(spoken)
    zh = language == "zh"
    title = f"{first.title}（共 {count} 条）" if zh else f"{first.title} ({count} in all)"
    lines = [f"共 {count} 条通知：" if zh else f"{count} notices:"]
    room = longest // 2
    for number, each in enumerate(spoken):
        line = f"{number + 1}. {each.title} {each.text.partition(_SEPARATOR)[0]}"
        if len(_SEPARATOR.join((*lines, line)).encode()) > room:
            left = count - number
            lines.append(
                f"……其余 {left} 条请在平台查看" if zh else f"… {left} more: see the console"
            )
            break
        lines.append(line)
    return Wording(title=_cut(title, longest // 4), text=_SEPARATOR.join(lines))


def trial(channel: str, by: str) -> Words:
    """Write what is sent to try a channel; robots that ask for a word of each message find it."""
    return Words(
        zh=Wording(
            title="测试消息", text=f"{by} 正在测试报警、预警的通知渠道 {channel}，无需处理。"
        ),
        en=Wording(
            title="Test message",
            text=f"{by} tries {channel}, a channel for each alarm and warning. Do nothing.",
        ),
    )


def _passed_zh(note: str) -> str:
    """Say in Chinese who was passed over, and why."""
    target, _, why = note.partition(": ")
    named = _TARGETS.get(target, (target, target))[0]
    if why.endswith(" has no address"):
        return f"{named} {why.removesuffix(' has no address')} 没有联系方式"
    return f"{named}{_REASONS.get(why, why)}"


def _cut(text: str, longest: int) -> str:
    """Cut a text at so many bytes of UTF-8."""
    written = text.encode()
    if len(written) <= longest:
        return text
    return written[: longest - 3].decode(errors="ignore") + "…"

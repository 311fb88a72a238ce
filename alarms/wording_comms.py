"""What is said of points and gateways that fall silent, and of gateways' clocks, zh and en."""

from alarms import instants, tiers
from alarms.alarm import Kind, ProcessEvent, Subject, Tier, Transition
from alarms.plant import Plant
from alarms.wording import place


def stale_event(
    plant: Plant, row: int, change: Transition, at: int, *, ever: bool, absorbed: str | None = None
) -> ProcessEvent:
    """Say that a point fell silent at `at` (server's clock), or reports.

    `ever`: it had reported before. `absorbed` names the gateway whose own alarm ends the point's.
    """
    zh, en = place(plant, row)
    match change, ever:
        case Transition.returned, _ if absorbed is not None:
            zh, en = (
                f"{zh} 仍未上报，并入网关 {absorbed} 的报警",
                f"{en} is still silent, as the alarm of gateway {absorbed} says",
            )
        case Transition.returned, True:
            zh, en = f"{zh} 恢复上报", f"{en} reports again"
        case Transition.returned, False:
            zh, en = f"{zh} 首次上报", f"{en} reports for the first time"
        case _, True:
            zh, en = f"{zh} 超时未上报", f"{en} has stopped reporting"
        case _:
            zh, en = f"{zh} 自登记以来从未上报", f"{en} has never reported since its registration"
    tier = tiers.of_kind(plant, plant.points[row], "comms")
    return _event(plant.subject(row), "comms.stale", change, tier, at, zh, en)


def gateway_event(
    plant: Plant, gateway: str, change: Transition, at: int, *, ever: bool, tier: Tier = Tier.blue
) -> ProcessEvent:
    """Say that all of a gateway is silent since `at` (server's clock), or that a point speaks.

    `ever`: one of its points had reported before. `tier` is that of a raise.
    """
    match change, ever:
        case Transition.returned, True:
            zh, en = f"网关 {gateway} 恢复上报", f"gateway {gateway} reports again"
        case Transition.returned, False:
            zh, en = f"网关 {gateway} 首次上报", f"gateway {gateway} reports for the first time"
        case _, True:
            zh, en = f"网关 {gateway} 全部测点超时未上报", f"gateway {gateway}: all points silent"
        case _:
            zh = f"网关 {gateway} 全部测点自登记以来从未上报"
            en = f"gateway {gateway}: no point has ever reported"
    return _event(plant.gateway_subject(gateway), "comms.gateway", change, tier, at, zh, en)


def clock_event(
    plant: Plant,
    gateway: str,
    change: Transition,
    at: int,
    *,
    behind_us: int | None = None,
    stamp: int | None = None,
) -> ProcessEvent:
    """Say that a gateway's stamps lie ahead of their receipt `at`, or no longer do.

    `stamp` is the first such one. With `behind_us` they have stayed so far behind it instead.
    """
    if change is Transition.returned:
        zh, en = f"网关 {gateway} 时钟恢复正常", f"gateway {gateway}: clock is right again"
    elif behind_us is not None:
        minutes = behind_us // 60_000_000
        zh = f"网关 {gateway} 时间戳持续滞后约 {minutes} 分钟，时钟偏慢或上传延迟，请校时"
        en = (
            f"gateway {gateway}: stamps stay about {minutes} min behind their receipt, its clock "
            "is slow or its messages are held up"
        )
    else:
        ahead_zh, ahead_en = _ahead(stamp, at)
        zh = f"网关 {gateway} 时钟超前{ahead_zh}，读数按接收时间判断"
        en = f"gateway {gateway}: clock {ahead_en} ahead, readings judged at receipt"
    return _event(plant.gateway_subject(gateway), "comms.clock", change, Tier.blue, at, zh, en)


def _ahead(stamp: int | None, at: int) -> tuple[str, str]:
    if stamp is None:
        return " 5 分钟以上", "more than 5 min"
    minutes, moment = (stamp - at) // 60_000_000, instants.to_text(stamp)
    return f"约 {minutes} 分钟（时间戳 {moment}）", f"about {minutes} min (stamp {moment})"


def _event(
    subject: Subject, rule: str, change: Transition, tier: Tier, at: int, zh: str, en: str
) -> ProcessEvent:
    return ProcessEvent(
        subject=subject,
        rule=rule,
        kind=Kind.comms,
        change=change,
        tier=tier,
        t_change=at,
        t_event=at,
        t_received=at,
        message_zh=zh,
        message_en=en,
    )

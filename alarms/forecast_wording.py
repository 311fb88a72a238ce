"""Forecasts as process events, in words an operator reads, Chinese and English."""

from typing import Final

from alarms.alarm import Forecast, Kind, ProcessEvent, Tier, Transition
from alarms.detectors.crossings import HIGH_S, LOW_S
from alarms.detectors.forecast import CHANCE, ETA_S, RATE
from alarms.detectors.forecast_tasks import Floats
from alarms.mine_types import abnormal_type
from alarms.plant import Plant
from alarms.wording import Behind, is_late, level_words, number, place, quality_name

SECOND: Final = 1_000_000
FARTHEST_S: Final = 86_400.0
"""An interval that ends later, or nowhere, is given as ending here."""


def forecast_event(
    plant: Plant,
    row: int,
    *,
    level: str,
    limit: float,
    change: Transition,
    tier: Tier,
    at: int,
    behind: Behind,
    said: Floats,
    taken_over: bool,
    stands: bool,
) -> ProcessEvent:
    """Say that a limit's forecast was made, moved in tier, or is withdrawn at `at` (Micros).

    `said` is what the trend tells of the limit (alarms.detectors.forecast), `stands` whether the
    forecast still does after the batch; `taken_over` where the limit's own alarm has raised.
    """
    unit = plant.points[row].engineering_unit
    zh, en = place(plant, row)
    words_zh, words_en = level_words(plant, row, level)
    bar = number(limit, unit)
    told = None
    if change is Transition.returned:
        if taken_over:
            zh += f" 已达到{words_zh} {bar}，由限值报警接替预测"
            en += f" has reached its {words_en} {bar}; the limit's alarm takes over"
        else:
            zh += f" 趋势已变，不再预计达到{words_zh} {bar}，当前 {number(behind.value, unit)}"
            en += (
                f" is no longer expected to reach its {words_en} {bar}: the trend has changed,"
                f" now {number(behind.value, unit)}"
            )
    else:
        told = _forecast(limit, behind.time, said)
        rate = float(said[RATE]) * 60
        speed = number(_short(abs(rate)), "" if unit == "1" else f"{unit}/min") or "0"
        now = number(float(f"{behind.value:.5g}"), unit)
        eta, low, high = (float(said[which]) / 60 for which in (ETA_S, LOW_S, HIGH_S))
        chance = ">99" if told.probability >= 0.995 else f"{100 * told.probability:.0f}"
        zh += (
            f" 预计{_in_zh(eta)}（{_span(low, high)} 分钟）达到{words_zh} {bar}，"
            f"概率 {chance} %，当前 {now}，{'上升' if rate > 0 else '下降'} {speed}"
        )
        en += (
            f" is expected to reach its {words_en} {bar} {_in_en(eta)} ({_span(low, high)} min),"
            f" probability {chance} %; now {now}, {'rising' if rate > 0 else 'falling'} {speed}"
        )
    late = is_late(behind.quality, behind.time, behind.received)
    return ProcessEvent(
        subject=plant.subject(row),
        rule=f"forecast.{level}",
        kind=Kind.forecast,
        change=change,
        tier=tier,
        t_change=at,
        t_event=behind.time,
        t_received=behind.received,
        value=behind.value,
        limit=limit,
        quality=quality_name(behind.quality),
        abnormal_type=abnormal_type(plant, plant.points[row], f"forecast.{level}", level),
        message_zh=zh,
        message_en=en,
        late=late,
        still_over=stands if late else True,
        forecast=told,
    )


def ended_event(plant: Plant, row: int, rule: str, at: int) -> ProcessEvent:
    """Say that a forecast is over because its limit was taken away."""
    zh, en = place(plant, row)
    return ProcessEvent(
        subject=plant.subject(row),
        rule=rule,
        kind=Kind.forecast,
        change=Transition.returned,
        tier=Tier.blue,
        t_change=at,
        t_event=at,
        t_received=at,
        message_zh=f"{zh} 限值已取消，预测结束",
        message_en=f"{en}: its limit was removed, the forecast is over",
    )


def _forecast(limit: float, made: int, said: Floats) -> Forecast:
    eta, low, high = (
        made + round(min(float(said[which]), FARTHEST_S) * SECOND)
        for which in (ETA_S, LOW_S, HIGH_S)
    )
    probability = round(float(said[CHANCE]), 4)
    return Forecast(limit=limit, eta=eta, eta_low=low, eta_high=high, probability=probability)


def _span(low_min: float, high_min: float) -> str:
    """Write an interval of minutes; one that ends beyond a day is open."""
    if high_min * 60 > FARTHEST_S:
        return f">{_minutes(low_min)}"
    return f"{_minutes(low_min)}–{_minutes(high_min)}"


def _in_zh(minutes: float) -> str:
    return f"约 {_short(minutes):g} 分钟后" if minutes >= 0.1 else "即刻"


def _in_en(minutes: float) -> str:
    return f"in about {_short(minutes):g} min" if minutes >= 0.1 else "at once"


def _short(x: float) -> float:
    """Round to what is worth reading: whole numbers from ten on, two digits below."""
    return float(f"{x:.0f}") if x >= 10 else float(f"{x:.2g}")


def _minutes(x: float) -> str:
    """Write minutes; under a tenth of one nobody can act."""
    return f"{_short(x):g}" if x >= 0.1 else "0"

"""What people call each rule, Chinese and English; `limit.high` and the like are for programs.

The console has the same names in its catalogues, under `rule.<code>`; a test holds them together.
"""

from typing import Final, NamedTuple


class RuleName(NamedTuple):
    """A rule's name in both languages."""

    zh: str
    en: str


NAMES: Final[dict[str, RuleName]] = {
    "limit.high": RuleName("越高限", "High limit"),
    "limit.low": RuleName("越低限", "Low limit"),
    "forecast.h": RuleName("预计越高限", "Forecast: high limit"),
    "forecast.hh": RuleName("预计越高高限", "Forecast: high-high limit"),
    "forecast.cut": RuleName("预计达断电值", "Forecast: power-cut limit"),
    "forecast.l": RuleName("预计越低限", "Forecast: low limit"),
    "forecast.ll": RuleName("预计越低低限", "Forecast: low-low limit"),
    "rate": RuleName("变化过快", "Rate of change"),
    "deviation": RuleName("偏离常态", "Deviation from normal"),
    "sensor.range": RuleName("超出量程", "Out of range"),
    "sensor.flat_line": RuleName("读数长时间不变", "Flat line"),
    "sensor.spike": RuleName("读数突跳", "Spike"),
    "sensor.noise": RuleName("读数波动异常", "Abnormal noise"),
    "sensor.clipped": RuleName("读数疑似被限幅", "Clipped readings"),
    "sensor.recovered": RuleName("读数突然恢复", "Abrupt recovery"),
    "sensor.saturated": RuleName("读数停在量程端点", "At end of range"),
    "sensor.failed": RuleName("仪表失效", "Sensor failed"),
    "sensor.gateway": RuleName("网关测点大面积失效", "Gateway's sensors failed"),
    "sensor.calibrating": RuleName("标校超时", "Calibration overdue"),
    "sensor.copied": RuleName("读数疑似复制", "Copied readings"),
    "sensor.drift": RuleName("读数漂移", "Drift"),
    "comms.stale": RuleName("测点未上报", "Point silent"),
    "comms.gateway": RuleName("网关未上报", "Gateway silent"),
    "comms.clock": RuleName("网关时钟偏差", "Gateway clock error"),
    "group.vote": RuleName("多测点表决", "Voting"),
    "group.difference": RuleName("测点互差超限", "Points disagree"),
    "group.balance": RuleName("进出量不平衡", "In-out balance"),
    "group.air_path": RuleName("风流读数矛盾", "Readings along an airway"),
    "group.air_lock": RuleName("风门同时打开", "Air doors open together"),
    "group.power_cut": RuleName("馈电异常", "Power not cut"),
    "system.disk": RuleName("服务器磁盘空间不足", "Server disk space"),
    "system.ingest": RuleName("读数入库滞后", "Ingest behind"),
    "system.broker": RuleName("MQTT 代理队列将满", "Broker queue"),
}


def name_of(rule: str) -> RuleName:
    """Return what people call a rule; one without a name is called by its code."""
    return NAMES.get(rule, RuleName(rule, rule))

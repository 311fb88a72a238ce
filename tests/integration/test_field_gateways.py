"""Simulated and replayed gateways behave on a real Mosquitto as gateways in the field do."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulators import broker as addresses
from simulators import faults, replay, scenarios
from simulators.devices import Device
from simulators.errors import SimulatorError
from simulators.fleet import Fleet, Standing
from simulators.readings import Message
from simulators.replay import Done, Gateways
from simulators.scenario import Running
from tests.conftest import Broker
from tests.listening import listening, tags_of
from tests.processes import Command
from tests.servers import Mosquitto, free_port, until


def a_device(broker: Broker, gateway: str = "gw-1", **options: Any) -> Device:
    return Device(
        gateway,
        form="values",
        broker=addresses.parse(broker.url),
        prefix=broker.prefix,
        **options,
    )


def reading(value: float) -> Message:
    return Message(gateway="gw-1", ts_ms=round(value), tags=("A",), values=[value])


def fleet(broker: Broker, name: str = "tank-farm", **options: Any) -> Fleet:
    return Fleet(
        Running(scenarios.named(name), speed=options.pop("speed", 1.0)),
        broker=addresses.parse(broker.url),
        prefix=broker.prefix,
        **options,
    )


def replayed(broker: Broker, path: Path, *, speed: float | None = None, spec: str = "") -> Done:
    return replay.publish(
        replay.survey(path, Gateways()),
        broker=addresses.parse(broker.url),
        prefix=broker.prefix,
        speed=speed,
        faults=faults.parse(spec),
        stop=threading.Event(),
    )


AT = 1763712000000
"""2025-11-21T08:00:00Z, milliseconds."""


def recording(folder: Path, rows: str, name: str = "gw-1.csv") -> Path:
    """Write a recording; the stamps of its rows count from AT."""
    file = folder / name
    rows = re.sub(r"(?m)^\d+", lambda found: str(AT + int(found[0])), rows)
    file.write_text(f"ts,point,value\n{rows}", encoding="utf-8")
    return file


@pytest.mark.parametrize("name", sorted(scenarios.SCENARIOS))
def test_a_scenario_publishes_all_its_points_and_says_farewell(broker: Broker, name: str) -> None:
    with listening(broker) as listener:
        fleet(broker, name).run(threading.Event(), duration_s=1.5)
        gateways = [device.id for device in scenarios.named(name).devices]
        until(
            lambda: all(
                [body["state"] for body in listener.of(f"{gateway}/status")]
                == ["online", "offline"]
                for gateway in gateways
            ),
            deadline_s=5,
            what="online, then offline, of every gateway",
        )
        assert len(tags_of(listener)) == len(scenarios.named(name).channels)


def test_stamps_are_the_time_of_day_at_any_speed(broker: Broker) -> None:
    with listening(broker) as listener:
        fleet(broker, speed=50.0).run(threading.Event(), duration_s=1.2)
        until(lambda: listener.readings("gw-dyd-ammonia"), deadline_s=5, what="a message")
        stamps = [body["ts"] for body in listener.readings("gw-dyd-ammonia")]
    assert abs(stamps[0] / 1000 - time.time()) < 10


def test_the_status_is_retained(broker: Broker) -> None:
    device = a_device(broker)
    device.connect()
    device.settle(5)
    with listening(broker) as listener:
        until(lambda: listener.heard, deadline_s=5, what="the status")
        device.close()
    topic, body, retained = listener.heard[0]
    assert (topic, body["state"], retained) == ("gw-1/status", "online", True)


def test_a_gateway_that_dies_is_said_to_be_offline_by_its_will(
    broker: Broker, fengsui: Callable[..., Command]
) -> None:
    with listening(broker) as listener:
        command = fengsui(
            "simulate", "tank-farm", broker_url=broker.url, topic_prefix=broker.prefix
        )
        until(lambda: listener.readings(), deadline_s=20, what="a message")
        command.kill()
        until(
            lambda: [body["state"] for body in listener.of("gw-dyd-gds/status")][-1] == "offline",
            deadline_s=10,
            what="the will",
        )


def test_sequence_numbers_count_up_by_one(broker: Broker) -> None:
    with listening(broker) as listener:
        device = a_device(broker)
        device.connect()
        for value in range(50):
            device.report(reading(float(value)))
        device.settle(5)
        device.close()
        until(lambda: len(listener.readings()) == 50, deadline_s=5, what="50 messages")
    assert [body["seq"] for body in listener.readings()] == list(range(50))


def test_a_message_dropped_on_purpose_leaves_a_gap_in_the_sequence(broker: Broker) -> None:
    with listening(broker) as listener:
        done = fleet(broker, faults=faults.parse("drop=0.5"), seed=3).run(
            threading.Event(), duration_s=3.2
        )
        until(lambda: len(listener.readings()) >= done.messages, deadline_s=5, what="the rest")
        numbers = [body[0]["seq"] for body in listener.readings("gw-dyd-gds")]
    assert done.lost > 0
    assert sorted(set(numbers)) == numbers


def test_readings_taken_while_the_broker_is_away_come_later_as_history(
    mosquitto: Callable[..., Mosquitto],
) -> None:
    server = mosquitto()
    broker = Broker(server.url, "away/v1")
    device = a_device(broker)
    device.connect()
    device.report(reading(0.0))
    device.settle(5)
    server.stop()
    until(lambda: not device.online, deadline_s=10, what="the device sees the broker leave")
    for value in range(1, 21):
        device.report(reading(float(value)))
    assert device.stored == 20
    server.start()
    with listening(broker) as listener:
        until(lambda: device.online, deadline_s=20, what="the device is back")
        assert device.settle(10) == 0
        until(lambda: len(listener.readings()) == 20, deadline_s=5, what="what was stored")
        device.close()
    assert [body["ts"] for body in listener.readings()] == list(range(1, 21))
    assert all(body["history"] is True for body in listener.readings())


def test_a_full_store_gives_up_its_oldest_and_counts_it(broker: Broker) -> None:
    device = a_device(broker, buffer=5)
    for value in range(8):
        device.report(reading(float(value)))
    assert (device.stored, device.tally.overflowed) == (5, 3)


def test_rejections_in_replies_are_counted_by_reason_and_tag(broker: Broker) -> None:
    device = a_device(broker)
    device.connect()
    device.settle(5)
    refusal = {"reason": "unknown_point", "tag": "A", "count": 3}
    with listening(broker) as listener:
        listener.say(
            f"{broker.prefix}/gw-1/replies", {"ts": 1, "accepted": 4, "rejected": [refusal]}
        )
        until(lambda: device.tally.accepted == 4, deadline_s=5, what="the reply")
    device.close()
    assert device.tally.rejected == {"unknown_point A": 3}


def test_a_reply_that_is_no_json_harms_nothing(broker: Broker) -> None:
    device = a_device(broker)
    device.connect()
    with listening(broker) as listener:
        listener.say(f"{broker.prefix}/gw-1/replies", ["?"])
        listener.say(f"{broker.prefix}/gw-1/replies", {"accepted": 1})
        until(lambda: device.tally.accepted == 1, deadline_s=5, what="the second reply")
    device.close()


def test_no_broker_is_one_clear_sentence(tmp_path: Path) -> None:
    device = a_device(Broker(f"mqtt://127.0.0.1:{free_port()}", "x/v1"))
    with pytest.raises(SimulatorError, match="no broker answered at mqtt://127"):
        device.connect()


def test_refused_credentials_are_one_clear_sentence(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    server = mosquitto("allow_anonymous false")
    with pytest.raises(SimulatorError, match="--username"):
        a_device(Broker(server.url, "x/v1")).connect()


def test_a_replay_keeps_the_order_and_the_recorded_stamps(broker: Broker, tmp_path: Path) -> None:
    rows = "".join(f"{1000 + (second * 7919) % 1000},A,{second}\n" for second in range(1000))
    with listening(broker) as listener:
        done = replayed(broker, recording(tmp_path, rows))
        until(lambda: len(listener.readings()) == 1000, deadline_s=20, what="1,000 messages")
    assert (done.readings, done.unacknowledged) == (1000, 0)
    assert [body["values"]["A"] for body in listener.readings()] == list(range(1000))


def test_a_replay_divides_the_recorded_spacing_by_the_speed(broker: Broker, tmp_path: Path) -> None:
    file = recording(tmp_path, "".join(f"{second * 1000},A,1\n" for second in range(11)))
    done = replayed(broker, file, speed=10.0)
    assert 0.95 < done.seconds < 4.0


def test_a_thousand_messages_of_a_hundred_readings_all_arrive(
    broker: Broker, tmp_path: Path
) -> None:
    rows = "".join(
        f"{second * 1000},P{point},1\n" for second in range(1000) for point in range(100)
    )
    with listening(broker) as listener:
        done = replayed(broker, recording(tmp_path, rows))
        until(lambda: len(listener.readings()) == 1000, deadline_s=30, what="1,000 messages")
    assert (done.messages, done.readings) == (1000, 100_000)


def test_a_replay_with_repeats_sends_them(broker: Broker, tmp_path: Path) -> None:
    file = recording(tmp_path, "1,A,1\n2,A,2\n")
    with listening(broker) as listener:
        replayed(broker, file, spec="dup=1")
        until(lambda: len(listener.readings()) == 4, deadline_s=5, what="four messages")
    assert [body["ts"] - AT for body in listener.readings()] == [1, 1, 2, 2]


def test_a_replay_is_stopped_without_waiting_for_its_end(broker: Broker, tmp_path: Path) -> None:
    file = recording(tmp_path, "0,A,1\n3600000,A,2\n")
    stop = threading.Event()
    done: list[Done] = []
    work = threading.Thread(
        target=lambda: done.append(
            replay.publish(
                replay.survey(file, Gateways()),
                broker=addresses.parse(broker.url),
                prefix=broker.prefix,
                speed=1.0,
                stop=stop,
            )
        )
    )
    with listening(broker) as listener:
        work.start()
        until(lambda: listener.readings(), deadline_s=10, what="the first reading")
        stop.set()
        work.join(10)
    assert done[0].readings == 1


def test_a_standing_names_what_waits_and_what_was_rejected(broker: Broker) -> None:
    seen: list[Standing] = []
    fleet(broker).run(threading.Event(), duration_s=1.2, report=seen.append)
    assert (seen[-1].gateways, seen[-1].online) == (3, 3)

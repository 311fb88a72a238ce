"""A broker's URL says where it is and who we are to it."""

import pytest

from alarms.errors import SettingError
from ingest.address import Address, client_id


def test_user_password_and_port_are_read() -> None:
    address = Address.parse("mqtt://me:a%40b@broker.example:1884")
    assert (address.host, address.port, address.tls) == ("broker.example", 1884, False)
    assert (address.user, address.password) == ("me", "a@b")


@pytest.mark.parametrize(("url", "port"), [("mqtt://h", 1883), ("mqtts://h", 8883)])
def test_each_scheme_has_its_usual_port(url: str, port: int) -> None:
    assert Address.parse(url).port == port


def test_the_password_is_never_shown() -> None:
    address = Address.parse("mqtt://me:secret@h")
    assert "secret" not in f"{address} {address!r}"


@pytest.mark.parametrize(
    "url", ["", "h:1883", "http://h", "mqtt://", "mqtt://h:port", "mqtt://h:99999"]
)
def test_anything_else_is_a_setting_to_mend(url: str) -> None:
    with pytest.raises(SettingError, match="mqtt://"):
        Address.parse(url)


def test_the_client_id_is_the_same_for_the_same_record_and_short_enough_for_any_broker() -> None:
    assert client_id("record-1") == client_id("record-1") != client_id("record-2")
    assert len(client_id("x" * 500)) <= 23

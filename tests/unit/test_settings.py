"""Settings are read in order, the later winning, and nothing unknown passes."""

from pathlib import Path

import pytest

from alarms.errors import SettingError
from fengsui.settings import Settings


def test_the_environment_wins_over_the_file_and_flags_over_both(tmp_path: Path) -> None:
    file = tmp_path / "fengsui.toml"
    file.write_text('http_port = 9000\nhttp_host = "10.0.0.1"\ntopic_prefix = "a/b"\n')
    settings = Settings.load(file=file, environment={"FENGSUI_HTTP_PORT": "9001"})
    assert (settings.http_host, settings.http_port) == ("10.0.0.1", 9001)
    assert settings.with_flags(http_port=9002, http_host=None).http_port == 9002
    assert settings.topic_prefix == "a/b"


def test_the_file_can_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "fengsui.toml"
    file.write_text("http_port = 9000\n")
    assert Settings.load(file=None, environment={"FENGSUI_CONFIG": str(file)}).http_port == 9000


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("FENGSUI_HTP_PORT", "1", "FENGSUI_HTP_PORT is no setting"),
        ("FENGSUI_HTTP_PORT", "eighty", "FENGSUI_HTTP_PORT"),
        ("FENGSUI_HTTP_PORT", "70000", "FENGSUI_HTTP_PORT"),
        ("FENGSUI_BROKER_URL", "http://x", "mqtt:// or mqtts://"),
        ("FENGSUI_BROKER_URL", "mqtt://x:port", "FENGSUI_BROKER_URL"),
        ("FENGSUI_DATABASE_URL", "mysql://x", "postgresql://"),
        ("FENGSUI_TOPIC_PREFIX", "a/#", "FENGSUI_TOPIC_PREFIX"),
        ("FENGSUI_SPARKPLUG_HOST_ID", "a/b", "FENGSUI_SPARKPLUG_HOST_ID"),
        ("FENGSUI_RAW_DAYS", "0", "FENGSUI_RAW_DAYS"),
        ("FENGSUI_ROLLUP_DAYS", "a year", "FENGSUI_ROLLUP_DAYS"),
        ("FENGSUI_HTTP_TLS_CERT", "a.crt", "FENGSUI_HTTP_TLS_KEY go together"),
        ("FENGSUI_HTTP_TLS_KEY", "a.key", "FENGSUI_HTTP_TLS_CERT"),
        ("FENGSUI_ROLLUP_DAYS", "30", "no less than FENGSUI_RAW_DAYS"),
    ],
)
def test_what_cannot_be_used_stops_the_start_with_the_keys_name(
    variable: str, value: str, says: str
) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load(file=None, environment={variable: value})
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["http_port = \n", 'htp_port = "x"\n', "data_dir = 1\n"])
def test_a_bad_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "fengsui.toml"
    file.write_text(text)
    with pytest.raises(SettingError):
        Settings.load(file=file, environment={})


def test_an_unreadable_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"missing\.toml"):
        Settings.load(file=tmp_path / "missing.toml", environment={})


def test_the_host_id_off_is_none() -> None:
    said = {"FENGSUI_SPARKPLUG_HOST_ID": "off"}
    assert Settings.load(file=None, environment=said).sparkplug_host is None
    assert Settings().sparkplug_host == "fengsui"


def test_tests_and_build_variables_are_no_settings() -> None:
    environment = {"FENGSUI_TEST_DATABASE_URL": "x", "FENGSUI_NODE": "skip"}
    assert Settings.load(file=None, environment=environment) == Settings()


def test_secrets_are_hidden_when_shown() -> None:
    settings = Settings(database_url="postgresql://u:s3cret@h/d", broker_url="mqtt://u:s3c@h")
    assert "s3c" not in " ".join(settings.shown().values())
    with pytest.raises(SettingError) as caught:
        Settings(broker_url="http://u:s3cret@h")
    assert "s3cret" not in str(caught.value)


def test_children_get_the_same_settings() -> None:
    settings = Settings(broker_url="mqtt://h:1883", data_dir=Path("/tmp/x"), http_port=1)
    assert Settings.load(file=None, environment=settings.environment()) == settings

"""Messages to group robots, byte for byte as DingTalk, WeCom and Feishu document them."""

from urllib.parse import parse_qs, urlsplit

import pytest

from alarms.notices import Wording
from api import chats, senders

SAID = Wording(title="红色报警", text="液位高")
SECRET = "SECabc123"
NOW_MS = 1_700_000_000_123
BY_OPENSSL = {
    "dingtalk": "etIBQNvdgq9e1O4P4gRnRS05m9vXVgr6/5xt3Azj2s8=",
    "feishu": "UqhI0v4zAkSwI4hNYBuHQvnrAqshA0UaeBGHCUMPX70=",
}
"""`printf '<ms>\\n<secret>' | openssl dgst -sha256 -hmac <secret>`; Feishu's key is that text."""


def test_dingtalk_signs_in_the_address() -> None:
    url, body = chats.request(
        "dingtalk", "https://h/robot/send?access_token=t", SECRET, SAID, ["138"], NOW_MS
    )
    assert parse_qs(urlsplit(url).query) == {
        "access_token": ["t"],
        "timestamp": [str(NOW_MS)],
        "sign": [BY_OPENSSL["dingtalk"]],
    }
    assert body == {
        "msgtype": "text",
        "text": {"content": "红色报警\n液位高"},
        "at": {"atMobiles": ["138"], "isAtAll": False},
    }


def test_wecom_has_its_key_in_the_address_and_no_signature() -> None:
    url, body = chats.request("wecom", "https://h/send?key=k", None, SAID, ["138"], NOW_MS)
    assert url == "https://h/send?key=k"
    assert body == {
        "msgtype": "text",
        "text": {"content": "红色报警\n液位高", "mentioned_mobile_list": ["138"]},
    }


def test_feishu_signs_in_the_body_with_seconds() -> None:
    url, body = chats.request("feishu", "https://h/hook/x", SECRET, SAID, ["ou_1"], NOW_MS)
    assert url == "https://h/hook/x"
    assert body == {
        "timestamp": "1700000000",
        "sign": BY_OPENSSL["feishu"],
        "msg_type": "text",
        "content": {"text": '<at user_id="ou_1"></at>红色报警\n液位高'},
    }


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_without_a_secret_nothing_is_signed(kind: str) -> None:
    url, body = chats.request(kind, "https://h/x", None, SAID, [], NOW_MS)
    assert "sign" not in url
    assert "sign" not in body


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (b'{"errcode":0,"errmsg":"ok"}', None),
        (b'{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}', None),
        (b'{"errcode":310000,"errmsg":"keywords not in content"}', True),
        (b'{"errcode":130101,"errmsg":"send too fast"}', False),
        (b'{"errcode":45009,"errmsg":"api freq out of limit"}', False),
        (b'{"errcode":93000,"errmsg":"invalid webhook url"}', True),
        (b'{"code":19021,"msg":"sign match fail"}', True),
        (b'{"code":11232,"msg":"frequency limited"}', False),
        (b"<html>", False),
    ],
)
def test_robots_refuse_within_an_answer_of_200(answer: bytes, refused: bool | None) -> None:
    found = chats.refusal(answer)
    assert (None if found is None else found[1]) == refused


def test_a_template_stays_json_whatever_is_filled_in() -> None:
    template = {"mobile": "{to}", "params": ["{title}", 3, None], "text": "x{text}y{unknown}"}
    words = {"{to}": '1"3', "{title}": "{text}", "{text}": "a\nb"}
    assert senders.filled(template, words) == {
        "mobile": '1"3',
        "params": ["{text}", 3, None],
        "text": "xa\nby{unknown}",
    }

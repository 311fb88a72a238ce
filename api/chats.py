"""Messages as work chats take them: 钉钉 DingTalk, 企业微信 WeCom, 飞书 Feishu group robots."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from alarms.notices import Wording

LONGEST: Final = {"dingtalk": 8_000, "wecom": 2_048, "feishu": 8_000}
"""Bytes of text in one message: WeCom refuses more, the others take about 20,000."""
PACE_S: Final = 3.0
"""Between two messages to one robot: DingTalk and WeCom take 20 a minute and then none for long."""
_FINAL: Final = frozenset(
    {
        *(300001, 300005, 310000, 400013, 400101),  # DingTalk: token, signature or keyword
        *(40008, 40058, 93000, 93017),  # WeCom: form, key
        *(9499, 19001, 19021, 19022, 19024),  # Feishu: form, signature, address, keyword
    }
)
"""Codes that say the same message would be refused again; every other one may pass."""


class _Said(msgspec.Struct):
    errcode: int = 0
    errmsg: str = ""
    code: int = 0
    msg: str = ""


_SAID: Final = msgspec.json.Decoder(_Said)


def request(
    kind: str, url: str, secret: str | None, wording: Wording, named: Sequence[str], now_ms: int
) -> tuple[str, dict[str, Any]]:
    """Return where to post what; `named` are numbers (Feishu: ids) of those who are called.

    DingTalk signs in the address, with the secret as the key; Feishu in the body, with the time and
    the secret as the key over nothing. WeCom's robots have a key in their address and no signature.
    """
    text = f"{wording.title}\n{wording.text}"
    match kind:
        case "dingtalk":
            if secret is not None:
                signed = hmac.digest(
                    secret.encode(), f"{now_ms}\n{secret}".encode(), hashlib.sha256
                )
                sign = base64.b64encode(signed).decode()
                url += ("&" if "?" in url else "?") + urlencode(
                    {"timestamp": str(now_ms), "sign": sign}
                )
            return url, {
                "msgtype": "text",
                "text": {"content": text},
                "at": {"atMobiles": list(named), "isAtAll": False},
            }
        case "wecom":
            return url, {
                "msgtype": "text",
                "text": {"content": text, "mentioned_mobile_list": list(named)},
            }
        case _:
            called = "".join(f'<at user_id="{each}"></at>' for each in named)
            body: dict[str, Any] = {"msg_type": "text", "content": {"text": called + text}}
            if secret is not None:
                now_s = now_ms // 1000
                signed = hmac.digest(f"{now_s}\n{secret}".encode(), b"", hashlib.sha256)
                body |= {"timestamp": str(now_s), "sign": base64.b64encode(signed).decode()}
            return url, body


def refusal(answer: bytes) -> tuple[str, bool] | None:
    """Return why a robot did not take a message, and whether for good; None where it did.

    They answer 200 and put the code into the body.
    """
    try:
        said = _SAID.decode(answer)
    except msgspec.DecodeError:
        return f"no answer of a robot: {answer[:100].decode(errors='replace')}", False
    code = said.errcode or said.code
    if code == 0:
        return None
    return f"{code} {said.errmsg or said.msg}"[:300], code in _FINAL

"""A message's bytes as they are shown: text where they are text, else base64."""

import base64


def of(payload: bytes | None) -> tuple[str | None, str | None]:
    """Return (text, None), or (None, base64) where the bytes are no UTF-8; None stays None."""
    if payload is None:
        return None, None
    try:
        return payload.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(payload).decode()

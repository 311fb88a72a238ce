"""Rows that the tests of rights put there, and put there again when a call took them away."""

from typing import Final

CHANNEL: Final = """
    insert into channel (name, kind, url, language, scope, region, changed_by, changed_at)
    values (%(name)s, 'webhook', 'https://127.0.0.1:1/', 'zh', '510603', '510603', 'x', now())
    on conflict do nothing
"""
RELAY: Final = """
    insert into relay (name, url, token, region, escalated_only, level, created_by, created_at,
                       epoch, log_offset)
    values (%(name)s, 'https://127.0.0.1:1', 'x', '510603', false, 'city', 'x', now(), 'e', 0)
    returning id
"""
ROSTER: Final = """
    insert into roster (place, region, content, changed_at)
    values (%(place)s, %(place)s, '{}', now()) on conflict do nothing
"""

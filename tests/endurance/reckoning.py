"""The reckoning at the end: what was acknowledged against what is stored, and the journal."""

import json
from collections import Counter
from typing import Any

import psycopg

from tests.endurance.gateways import Identity, Ledger
from tests.endurance.site import Site


def reckon(site: Site, ledger: Ledger) -> dict[str, Any]:
    """Compare the ledger with the record; `sound` is true where all is as it must be."""
    with psycopg.connect(site.url) as conn:
        rows = conn.execute(
            "select tag, round(extract(epoch from ts) * 1000)::bigint, value"
            " from reading join point on point.id = point_id"
        ).fetchall()
        found = _compared(ledger, rows)
        found |= _journal(conn)
        told = conn.execute("select coalesce(sum(lost), 0)::bigint from gateway").fetchone()
        found["lost_by_seq"] = told[0] if told else None
        refused = conn.execute("select reason, sum(count)::int from reject group by 1").fetchall()
        found["rejects"] = dict(refused)
        conflicts = conn.execute("select count(*) from reading_conflict").fetchone()
        found["conflicts"] = conflicts[0] if conflicts else None
        system = conn.execute(
            "select data::jsonb ->> 'rule', type, tier from journal"
            " where kind = 'system' order by log_offset"
        ).fetchall()
        found["system_alarms"] = [" ".join(map(str, row)) for row in system]
    found["audit"] = _audit(site, ledger)
    wanted = ("missing", "doubled", "never_sent", "other_value", "conflicts", "journal_gaps")
    found["sound"] = not any(found[name] for name in wanted) and not any(
        found["audit"].get(name, 1) for name in ("missed", "extra", "mistimed")
    )
    return found


def _compared(ledger: Ledger, rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    times = Counter((tag, ms) for tag, ms, _ in rows)
    values: dict[Identity, float] = {(tag, ms): value for tag, ms, value in rows}
    return {
        "messages": ledger.messages,
        "sent": len(ledger.sent),
        "acknowledged": len(ledger.acknowledged),
        "refused_pubacks": ledger.refused,
        "reconnected_unanswered": ledger.reconnected,
        "stored": len(rows),
        "missing": len(ledger.acknowledged - values.keys()),
        "doubled": sum(count > 1 for count in times.values()),
        "never_sent": len(values.keys() - ledger.sent.keys()),
        "other_value": sum(ledger.sent.get(key, value) != value for key, value in values.items()),
    }


def _journal(conn: psycopg.Connection) -> dict[str, Any]:
    """Count alarms whose revisions are not 1, 2, 3 …, and rows, by what they say."""
    gaps = conn.execute(
        "select count(*) from (select alarm_id from journal group by alarm_id"
        " having min(rev) <> 1 or max(rev) <> count(*) or count(distinct rev) <> count(*)) as odd"
    ).fetchone()
    whole = conn.execute("select max(log_offset) - count(*) from journal").fetchone()
    types = conn.execute(
        "select kind || ' ' || type, count(*)::int from journal group by 1 order by 1"
    ).fetchall()
    return {
        "journal_gaps": (gaps[0] if gaps else 0) + ((whole[0] or 0) if whole else 0),
        "journal": dict(types),
    }


def _audit(site: Site, ledger: Ledger) -> dict[str, Any]:
    first = min(ms for _, ms in ledger.sent)
    last = max(ms for _, ms in ledger.sent)
    ran = site.command("audit", "--from", str(first), "--to", str(last + 1), "--json")
    try:
        told = json.loads(ran.output())
    except json.JSONDecodeError:
        return {"failed": ran.report()}
    counts = {name: len(told[name]) for name in ("missed", "extra", "mistimed")}
    shown = {name: told[name][:3] for name, count in counts.items() if count}
    return {"checked": told["checked"], **counts, **({"shown": shown} if shown else {})}

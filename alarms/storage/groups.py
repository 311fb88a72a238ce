"""Groups of points in the record: written by an import, loaded with the plant."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString

from alarms.plant import Group

COLUMNS: Final[Sequence[tuple[str, str]]] = (
    *(("enterprise", "text"), ("source", "text"), ("unit", "text")),
    *(("code", "text"), ("name", "text"), ("kind", "text")),
    *(("members", "jsonb"), ("params", "jsonb"), ("tier", "text")),
    *(("on_delay_s", "double precision"), ("off_delay_s", "double precision")),
)
INSERT: Final[LiteralString] = """
    insert into point_group (enterprise_id, source_id, unit_id, code, name, kind, members, params,
                             tier, on_delay_s, off_delay_s)
    select e.id, s.id, u.id, n.code, n.name, n.kind, n.members, n.params, n.tier, n.on_delay_s,
           n.off_delay_s
      from staged n join enterprise e on e.code = n.enterprise
      join source s on s.enterprise_id = e.id and s.code = n.source
      left join unit u on u.source_id = s.id and u.code = n.unit
     order by n.place
    """
UPDATE: Final[LiteralString] = """
    update point_group g
       set source_id = s.id, unit_id = u.id, name = n.name, kind = n.kind, members = n.members,
           params = n.params, tier = n.tier, on_delay_s = n.on_delay_s, off_delay_s = n.off_delay_s
      from staged n join enterprise e on e.code = n.enterprise
      join source s on s.enterprise_id = e.id and s.code = n.source
      left join unit u on u.source_id = s.id and u.code = n.unit
     where g.enterprise_id = e.id and g.code = n.code
    """
SELECT: Final[LiteralString] = """
    select e.code as enterprise, s.code as source, u.code as unit, g.code, g.name, g.kind,
           g.members, g.params, g.tier, g.on_delay_s, g.off_delay_s
      from point_group g join enterprise e on e.id = g.enterprise_id
      join source s on s.id = g.source_id left join unit u on u.id = g.unit_id
     order by g.id
    """


def from_row(row: dict[str, Any]) -> Group:
    """Build a group from its row; JSON has lists where a group has tuples."""
    members = {role: tuple(tags) for role, tags in row["members"].items()}
    return Group(**{**row, "members": members, "params": with_tuples(row["params"])})


def with_tuples(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they were written: JSON has lists where they have tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in params.items()
    }

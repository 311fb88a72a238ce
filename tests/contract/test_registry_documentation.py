"""The registry file's documentation: its example is accepted as it stands."""

import re
from pathlib import Path

from alarms import regions, registry
from alarms.registry import Known

PAGE = Path(__file__).parents[2] / "docs" / "registry.md"


def test_the_documented_file_is_sound_and_warns_of_nothing() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    known = Known(regions=regions.builtin(), gateways={})
    read = registry.parse(found[1].encode(), known)
    assert len(read.points) == 3
    assert read.warnings == ()
    assert read.sources[0].level == 3

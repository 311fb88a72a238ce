"""What may stand in a registry file: one description for the validator and for its JSON Schema."""

from collections.abc import Mapping
from typing import Any, Final

from alarms import expressions, parameters, registry_gateways, registry_groups, tiers
from alarms.alarm import Tier
from alarms.detectors.trend_lines import FARTHEST_S
from alarms.plant import LIMIT_NAMES, QUANTITIES, SOURCE_KINDS, UNIT_KINDS
from alarms.registry_fields import Choice, Flag, Form, Key, Many, Number, Text

DETECTORS: Final = ("limit", "forecast", "rate", "deviation", "sensor", "comms")
LONGEST_S: Final = 86_400.0
"""Delays and periods beyond a day are mistakes of unit."""


CODE: Final = Text(
    longest=64,
    pattern=r'[^\s/:"\\]+',
    words="a code of letters, digits and signs without blanks, / and :",
)
TAG: Final = Text(longest=128, words="a tag without blanks at its ends")
NAME: Final = Text()
GATEWAY_ID: Final = Text(
    longest=64, pattern=r"[A-Za-z0-9_-]+", words="a gateway id of A-Z, a-z, 0-9, _ and -"
)
EXPRESSION: Final = Text(
    longest=expressions.LONGEST, words="an expression without blanks at its ends"
)
LIMITS: Final = (*LIMIT_NAMES, "cut", "reset")
TIERED: Final = (*LIMIT_NAMES, "cut")
TIERS: Final = tuple(tier.name for tier in Tier if tier is not Tier.none)
TIERS_OF_KINDS: Final = tuple(tier for tier in TIERS if Tier[tier] <= tiers.HIGHEST)
WITHIN_S: Final = Number(least=1, most=FARTHEST_S, whole=True)

FORMS: Final[Mapping[str, Form]] = {
    "file": Form(
        keys={
            "regions": Key(below="region"),
            "enterprises": Key(below="enterprise"),
            "gateways": Key(below="gateway"),
            "tiers": Key(below="tiering"),
        }
    ),
    "tiering": Form(
        keys={
            "region": Key(kind=CODE, required=True),
            "quantity": Key(kind=Choice(words=QUANTITIES), required=True),
            "limits": Key(kind=Form(keys={name: Key(kind=Choice(words=TIERS)) for name in TIERED})),
            "kinds": Key(
                kind=Form(
                    keys={kind: Key(kind=Choice(words=TIERS_OF_KINDS)) for kind in tiers.KINDS}
                )
            ),
            "forecast": Key(
                kind=Form(keys={name: Key(kind=WITHIN_S) for name in ("yellow_s", "orange_s")})
            ),
            "source_levels": Key(
                kind=Form(
                    keys={level: Key(kind=Number(least=0, most=3, whole=True)) for level in "1234"}
                )
            ),
            "raise": Key(below="raise"),
        }
    ),
    "raise": Form(
        keys={
            "tier": Key(kind=Choice(words=TIERS), required=True),
            "peak": Key(kind=Number()),
            "lasting_s": Key(kind=Number(least=0, above=True)),
            "points": Key(kind=Number(least=2, most=1000, whole=True)),
        }
    ),
    "region": Form(
        keys={
            "code": Key(
                kind=Text(
                    longest=32,
                    pattern=r"[0-9]{6}[0-9A-Za-z_-]*",
                    words="a region code: six digits of GB/T 2260, then letters or digits",
                ),
                required=True,
            ),
            "name": Key(kind=NAME, required=True),
            "parent": Key(kind=CODE, required=True),
            "kind": Key(kind=Choice(words=("park", "zone")), required=True),
        }
    ),
    "enterprise": Form(
        keys={
            "code": Key(kind=CODE, required=True),
            "name": Key(kind=NAME, required=True),
            "region": Key(kind=CODE, required=True),
            "uscc": Key(
                kind=Text(
                    longest=18,
                    pattern=r"[0-9A-HJ-NPQRTUWXY]{18}",
                    words="a credit code: 18 digits and capitals without I, O, S, V, Z",
                )
            ),
            "simulated": Key(kind=Flag()),
            "sources": Key(below="source"),
        }
    ),
    "source": Form(
        keys={
            "code": Key(kind=CODE, required=True),
            "name": Key(kind=NAME, required=True),
            "kind": Key(kind=Choice(words=SOURCE_KINDS), required=True),
            "location": Key(
                kind=Form(
                    keys={
                        "lat": Key(kind=Number(least=-90, most=90), required=True),
                        "lon": Key(kind=Number(least=-180, most=180), required=True),
                    }
                )
            ),
            "chemicals": Key(below="chemical"),
            "exposed_population": Key(kind=Number(least=0, most=10_000_000, whole=True)),
            "responsible": Key(below="responsible"),
            "units": Key(below="unit"),
            "groups": Key(below="group"),
        }
    ),
    "group": registry_groups.form(code=CODE, name=NAME, tiers=TIERS, longest_s=LONGEST_S),
    "inventory": registry_groups.INVENTORY,
    "window": registry_groups.WINDOW,
    "chemical": Form(
        keys={
            "name": Key(kind=NAME, required=True),
            "cas": Key(kind=Text(longest=12, words="a CAS number such as 7664-41-7")),
            "tonnes": Key(kind=Number(least=0, most=1e9, above=True), required=True),
            "class": Key(kind=Text(longest=8, words="a class symbol such as W2")),
        }
    ),
    "responsible": Form(
        keys={
            "role": Key(kind=Choice(words=("principal", "technical", "operation")), required=True),
            "name": Key(kind=NAME, required=True),
            "phone": Key(kind=Text(longest=40, words="a telephone number in quotes")),
        }
    ),
    "unit": Form(
        keys={
            "code": Key(kind=CODE, required=True),
            "name": Key(kind=NAME, required=True),
            "kind": Key(kind=Choice(words=UNIT_KINDS), required=True),
            "points": Key(below="point"),
        }
    ),
    "point": Form(
        keys={
            "tag": Key(kind=TAG, required=True),
            "name": Key(kind=NAME),
            "quantity": Key(kind=Choice(words=QUANTITIES), required=True),
            "unit": Key(kind=Text(longest=32, words="the engineering unit"), required=True),
            "range": Key(kind=Many(each=Number(), least=2, most=2)),
            "period_s": Key(kind=Number(least=0, most=LONGEST_S, above=True)),
            "limits": Key(kind=Form(keys={name: Key(kind=Number()) for name in LIMITS})),
            "deadband": Key(kind=Number(least=0)),
            "on_delay_s": Key(kind=Number(least=0, most=LONGEST_S)),
            "off_delay_s": Key(kind=Number(least=0, most=LONGEST_S)),
            "tiers": Key(kind=Form(keys={name: Key(kind=Choice(words=TIERS)) for name in TIERED})),
            "detect": Key(kind=Many(each=Choice(words=DETECTORS), most=len(DETECTORS))),
            "gateway": Key(kind=GATEWAY_ID),
            "substance": Key(kind=NAME),
            "sector": Key(kind=Text(longest=32, words="a place code such as T1")),
            "latching": Key(kind=Flag()),
            "needs_closeout": Key(kind=Flag()),
            "params": Key(kind=parameters.FORM),
            "compute": Key(kind=EXPRESSION),
            "suppress": Key(
                kind=Form(
                    keys={
                        "when": Key(kind=EXPRESSION, required=True),
                        "reason": Key(kind=NAME, required=True),
                        "dwell_s": Key(kind=Number(least=0, most=LONGEST_S)),
                        "most_s": Key(kind=Number(least=0, most=LONGEST_S, above=True)),
                    }
                )
            ),
        }
    ),
    "gateway": registry_gateways.form(gateway=GATEWAY_ID, code=CODE),
    "mapped": registry_gateways.mapped_form(tag=TAG),
}


def schema() -> dict[str, Any]:
    """Describe the file's form in JSON Schema 2020-12; what joins entries the validator sees."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Fengsui registry file",
        **FORMS["file"].schema(),
        "$defs": {name: form.schema() for name, form in FORMS.items() if name != "file"},
    }

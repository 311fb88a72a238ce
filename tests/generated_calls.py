"""Calls generated from the OpenAPI document, and what no answer to them may be.

The longer run, by hand: `python -m pytest tests/integration/test_openapi_answers.py` with
`FENGSUI_TEST_EXAMPLES=500` in the environment.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, Final

import hypothesis
import requests
import schemathesis
from hypothesis import strategies
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    CheckFunction,
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok

from api import app as apps

EXAMPLES: Final = int(os.environ.get("FENGSUI_TEST_EXAMPLES", "4"))
"""Calls of each operation by each caller that keep to the document, and as many that do not."""
CHECKS: Final[list[CheckFunction]] = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENT: Final[dict[str, Any]] = json.loads(
    json.dumps(apps.document(apps.create("postgresql://nobody@localhost/nothing")))
)
OPERATIONS: Final = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
    if isinstance(found, Ok)
}


def modes(label: str) -> list[GenerationMode]:
    """Return how an operation can be called: one that takes nothing, or any form, never wrongly."""
    found = OPERATIONS[label]
    kinds = [body.media_type for body in found.body]
    negative = bool(found.query or found.headers) or "application/json" in kinds
    return list(GenerationMode) if negative else [GenerationMode.POSITIVE]


def call(
    label: str,
    mode: GenerationMode,
    *,
    url: str,
    session: requests.Session,
    headers: Mapping[str, str],
    things: Mapping[str, str],
) -> None:
    """Make generated calls; raise what schemathesis finds wrong with an answer.

    `things` are path parameters that lead somewhere: every other call is of those.
    """
    checks = CHECKS if label.endswith("/readyz") else [not_a_server_error, *CHECKS]

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(
        case=OPERATIONS[label].as_strategy(generation_mode=mode), known=strategies.booleans()
    )
    def one(case: Case[Any], known: bool) -> None:
        if known and case.path_parameters:
            case.path_parameters = {**case.path_parameters, **_among(things, case)}
        if "wait" in case.query:
            case.query["wait"] = "0"
        answer = case.call(base_url=url, session=session, headers=dict(headers), timeout=20)
        case.validate_response(answer, checks=checks)

    one()


def _among(things: Mapping[str, str], case: Case[Any]) -> dict[str, str]:
    return {name: things[name] for name in case.path_parameters if name in things}

"""Query parameters of every REST route: one that the route does not know is refused by name."""

from typing import Any, Final

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.problems import ProblemError


async def _only_known(request: Request) -> None:
    """Raise ProblemError 422 that names each unknown parameter and those the route knows."""
    given = set(request.query_params.keys())
    route = request.scope.get("route")
    if not given or not isinstance(route, APIRoute):
        return
    known = sorted(_known(route.dependant))
    unknown = sorted(given - set(known))
    if unknown:
        raise ProblemError(
            422,
            f"{route.path} does not know the query parameter {_listed(unknown)}; "
            + (f"it knows {_listed(known)}" if known else "it knows none"),
            unknown=unknown,
            known=known,
        )


def _known(dependant: Dependant) -> set[str]:
    """Return the query parameters of a route and of all it depends on."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*(_known(needed) for needed in dependant.dependencies))


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


ONLY_KNOWN: Final[Any] = Depends(_only_known)
"""What a router depends on for all its routes."""

"""docs/administrator/permissions.md: who may do what, from the table that the registry asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from docs.generate.markdown import table
from registry_api.auth import AUDIENCE, PERMISSIONS, Role
from registry_api.routes import keys, learning, runs, system, workflows

SOURCE = "`registry_api/auth.py` and the routes"

_PAGE = """\
# Who may do what

Every request carries a bearer token (JWT, audience `{audience}`). Its issuer must be registered, its `tenant` claim decides the
tenant, its `roles` claim the roles. A role that Atom does not know is ignored. See
[tokens and tenants](README.md#tokens-and-tenants).

## Permissions

{permissions}

Roles alone do not approve a run: the approver must also be neither the requester nor the publisher of the package.

## Routes

{routes}

`/docs` shows every route with its fields, `/openapi.json` the same for programs.
"""


def page() -> str:
    rows = [
        (f"`{permission}`", *("yes" if role in roles else "" for role in Role))
        for permission, roles in PERMISSIONS.items()
    ]
    return _PAGE.format(
        audience=AUDIENCE,
        permissions=table(["permission", *(role.value for role in Role)], rows),
        routes=table(["route", "what", "needs"], _routes()),
    )


def _routes() -> Iterator[tuple[str, str, str]]:
    by_permission: dict[str, list[APIRoute]] = defaultdict(list)
    for part in (workflows, runs, keys, learning, system):
        for route in part.router.routes:
            assert isinstance(route, APIRoute)  # the routers hold no other kind
            by_permission[_permission(route.dependant) or ""].append(route)
    for permission in (*PERMISSIONS, ""):
        for route in by_permission[permission]:
            needs = f"`{permission}`" if permission else "nothing: open to whoever reaches it"
            yield f"`{' '.join(sorted(route.methods or ()))} {route.path}`", route.summary or "", needs


def _permission(dependant: Dependant) -> str | None:
    """The permission that `allowed(…)` put among the route's dependencies."""
    for one in dependant.dependencies:
        found: str | None = getattr(one.call, "permission", None) or _permission(one)
        if found:
            return found
    return None

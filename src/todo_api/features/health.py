"""Liveness and readiness."""

from typing import Any, Literal

from litestar import Controller, Request, get
from msgspec import Struct

from todo_api import __version__
from todo_api.openapi.document import error_responses
from todo_api.unavailable import Stopping, Unavailable


class Health(Struct, frozen=True):
    status: Literal["healthy"] = "healthy"
    service: Literal["todo-api"] = "todo-api"
    version: str = __version__


class Readiness(Struct, frozen=True):
    status: Literal["ready"] = "ready"


class HealthController(Controller):
    path = "/health"
    tags = ["health"]
    security = [{}]
    opt = {"any_query": True}

    @get(
        operation_id="getHealth",
        summary="Liveness",
        description="The process answers. It does not use the database.",
    )
    async def get_health(self) -> Health:
        return Health()

    @get(
        "/ready",
        operation_id="getReadiness",
        summary="Readiness",
        description="The instance serves requests, and the database answers and is migrated.",
        responses=error_responses(503),
        opt={"errors": (Unavailable, Stopping)},
    )
    async def get_readiness(self, request: Request[Any, Any, Any]) -> Readiness:
        if request.app.state.drain.begun:
            raise Stopping
        database = request.app.state.database
        await database.health.check()
        await database.schema.check()
        return Readiness()

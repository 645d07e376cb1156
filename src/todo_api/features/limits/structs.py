"""Structs of responses."""

from typing import Annotated

from msgspec import Meta, Struct


class Usage(Struct, frozen=True):
    used: Annotated[int, Meta(ge=0)]
    max: Annotated[int, Meta(ge=1)]


class Rate(Struct, frozen=True):
    """The rate limit of requests, in each worker."""

    per_second: Annotated[int, Meta(ge=1)]
    burst: Annotated[int, Meta(ge=1, description="Requests allowed at once.")]


class Limits(Struct, frozen=True):
    tasks: Usage
    streams: Annotated[Usage, Meta(description="Open streams of events, in the worker that answers.")]
    rate: Annotated[Rate | None, Meta(description="Null if the operator set no limit.")]

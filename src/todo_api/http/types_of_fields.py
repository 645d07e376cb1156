"""The Structs and lists in the types of fields, through Annotated and unions."""

from typing import Annotated, Any, get_args, get_origin

import msgspec


def structs_of(type_: Any) -> tuple[type[msgspec.Struct], ...]:
    """The Structs that a value of `type_` can be. Not those in a list."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return (type_,)
    if get_origin(type_) is list:
        return ()
    return tuple(struct for part in get_args(type_) for struct in structs_of(part))


def item_type(type_: Any) -> Any:
    """The type of the items of the list in `type_`; None if there is no list."""
    if get_origin(type_) is list:
        return get_args(type_)[0]
    return next((item for part in get_args(type_) if (item := item_type(part)) is not None), None)


def most_items(type_: Any) -> int | None:
    """The `max_length` of the list in `type_`. The items of a longer list are not checked: there may be thousands."""
    if get_origin(type_) is Annotated and get_origin(get_args(type_)[0]) is list:
        return next((part.max_length for part in get_args(type_) if isinstance(part, msgspec.Meta)), None)
    return next((most for part in get_args(type_) if (most := most_items(part)) is not None), None)

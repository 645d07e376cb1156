"""Structs of requests."""

from typing import Annotated

from msgspec import Meta, Struct

from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput


class Erasure(Struct, frozen=True, forbid_unknown_fields=True):
    """The confirmation that everything is to be erased."""

    confirm: Annotated[str, Meta(description="The `user_id` of the path once more.")]

    def check_path(self, user_id: str) -> None:
        """Compares with the path.

        Raises:
            InvalidInput: `confirm` is not the user of the path.
        """
        if self.confirm != user_id:
            raise InvalidInput([FieldError(["body", "confirm"], "Must be the `user_id` of the path", "path_mismatch")])

"""The statement that reads one task. Lists have their own: list_statements.py."""

from typing import Final

from sqlalchemy import Uuid, bindparam

from todo_api.db.owned import TASKS, select_owned
from todo_api.db.statement import Statement
from todo_api.features.tasks.columns import tags_of, task_columns

GET: Final = Statement(
    select_owned(TASKS, *task_columns(TASKS, tags_of(TASKS))).where(TASKS.c.id == bindparam("id", type_=Uuid()))
)

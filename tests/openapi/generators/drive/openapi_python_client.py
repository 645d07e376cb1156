"""Drives the service with the client that openapi-python-client generated as `todo_client`."""

import json
import os
import sys

from todo_client import AuthenticatedClient
from todo_client.api.tasks import create_task, delete_task, get_task, list_tasks, toggle_task_completion
from todo_client.models import ListTasksStatus, Task, TaskCreate, TaskNotFound, TaskNotFoundCode, TaskPage

user = os.environ["API_USER"]
with AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["API_TOKEN"]) as client:
    created = create_task.sync(user, client=client, body=TaskCreate(title="Buy milk"))
    assert isinstance(created, Task), created
    listed = list_tasks.sync(user, client=client, status=ListTasksStatus.PENDING)
    toggled = toggle_task_completion.sync(user, created.id, client=client)
    deleted = delete_task.sync_detailed(user, created.id, client=client)
    gone = get_task.sync(user, created.id, client=client)
sys.stdout.write(
    json.dumps(
        {
            "created": created.title,
            "listed": len(listed.data) if isinstance(listed, TaskPage) else None,
            "completed": toggled.completed if isinstance(toggled, Task) else None,
            "deleted": deleted.status_code,
            "gone": isinstance(gone, TaskNotFound) and gone.code is TaskNotFoundCode.TASK_NOT_FOUND,
        }
    )
)

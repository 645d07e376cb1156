"""The hooks of the guide: who deletes the account at Better Auth has nothing at the service any more."""

import anyio
import asyncpg
import httpx

from tests.auth.better_auth.frontend import SignedIn
from tests.auth.better_auth.test_better_auth import Deployment, ann, deployment, way
from tests.support.client import Person
from tests.support.erasure import found
from todo_api.db.url import connect_arguments

__all__ = ["ann", "deployment", "way"]

PASSWORD = {"password": "a long password"}


def test_deleting_the_account_erases_everything(deployment: Deployment, ann: SignedIn, database_url: str) -> None:
    token = ann.token()
    assert deployment.comes_to_accept(ann.user_id, token)
    with Person(deployment.service.url, ann.user_id, {"Authorization": f"Bearer {token}"}) as tab:
        tab.creates(title="Buy milk", tags=["shopping"])
        assert anyio.run(delete_while_the_api_cannot_erase, ann, database_url).status_code == 500
        assert ann.get("/api/auth/token").status_code == 200, "the account is still there"
        assert tab.get("tasks").json()["total"] == 1

        assert ann.post("/api/auth/delete-user", json=PASSWORD).json()["success"] is True
        assert ann.get("/api/auth/token").status_code == 401
        refused = tab.post("tasks", json={"title": "Unsent"})
        assert (refused.status_code, refused.json()["code"]) == (403, "account_erased")
        assert tab.get("tasks").json()["total"] == 0
        assert found(database_url, ann.user_id) == {"heads": 1}


async def delete_while_the_api_cannot_erase(ann: SignedIn, database_url: str) -> httpx.Response:
    connection = await asyncpg.connect(**connect_arguments(database_url))
    try:
        async with connection.transaction():
            await connection.execute("select from heads where user_id = $1 for update", ann.user_id)
            return await anyio.to_thread.run_sync(lambda: ann.post("/api/auth/delete-user", json=PASSWORD))
    finally:
        await connection.close()

"""The typed client in Node, against HTTP servers that fail and with clocks that are wrong. See scenarios.ts."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.auth.better_auth.frontend import CLIENT, node, require_node
from tests.auth.better_auth.frontend import HERE as PACKAGES

HERE: Final = Path(__file__).parent
REFUSED: Final = {"detail": "No.", "code": "not_authenticated"}


class Scenarios:
    """The built scenarios. Each run is a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.program = directory / "scenarios.mjs"
        esbuild = PACKAGES / "node_modules/.bin/esbuild"
        options = ["--bundle", "--format=esm", "--platform=node", "--log-level=warning"]
        node(esbuild, "scenarios.ts", *options, f"--outfile={self.program}", directory=HERE)

    def __call__(self, name: str) -> Any:
        return json.loads(node("node", self.program, name, directory=self.program.parent))


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenarios:
    require_node()
    return Scenarios(tmp_path_factory.mktemp("scenarios"))


def test_another_user_who_signs_in_gets_a_token_of_their_own(scenario: Scenarios) -> None:
    users = ["ann", "bob", "bob", "bob"]
    assert scenario("another_user_signs_in") == {"statuses": [200, 200, 200], "users": users, "issued": 2}


def test_a_token_that_was_on_its_way_is_not_sent_for_another_user(scenario: Scenarios) -> None:
    assert scenario("another_user_signs_in_while_a_token_is_fetched") == {"statuses": [200, 200, 200], "issued": 2}


def test_the_api_refuses_a_path_that_is_not_the_new_tokens(scenario: Scenarios) -> None:
    seen = scenario("a_path_of_another_user")
    assert (seen["outcome"]["status"], seen["outcome"]["code"]) == (403, "not_your_path")
    assert seen["issued"] == 2


def test_a_stream_is_read_as_a_stream_and_refused_as_json(scenario: Scenarios) -> None:
    seen = scenario("a_stream")
    assert seen["first"] == "event: ready\n\n"
    assert (seen["parsed"]["thrown"], seen["parsed"]["status"]) == ("TodoApiError", 200)
    assert 'parseAs: "stream"' in seen["parsed"]["says"]


def test_reset_forgets_the_token_and_the_one_that_is_being_fetched(scenario: Scenarios) -> None:
    signed_out = {"thrown": "NotSignedInError", "says": "Please sign in."}
    assert scenario("reset") == {"signedOut": signed_out, "numbers": [1, 3, 4]}


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("a_proxy_answers_502", 502, "<h1>502 Bad Gateway</h1>"),
        ("an_answer_without_a_body", 431, None),
        ("a_body_that_breaks_off", 503, None),
        ("not_modified", 304, None),
    ],
)
def test_an_answer_that_is_not_2xx_is_thrown(scenario: Scenarios, name: str, status: int, body: str | None) -> None:
    seen = scenario(name)
    assert (seen["thrown"], seen["status"], seen.get("body"), seen.get("code")) == ("TodoApiError", status, body, None)
    assert seen["says"] == f"The server answered with an error ({status}). Try again later."


def test_a_page_in_place_of_json_is_thrown(scenario: Scenarios) -> None:
    seen = scenario("the_page_of_a_wrong_address")
    assert (seen["thrown"], seen["status"], seen["body"]) == ("TodoApiError", 200, "<!doctype html>")
    assert seen["says"] == "todo_api: 200 without JSON: is `baseUrl` the address of the API?"


def test_errors_of_fetch_are_thrown_as_they_are(scenario: Scenarios) -> None:
    unreachable = "The server cannot be reached. Check the connection and try again."
    assert scenario("no_server") == {"thrown": "TypeError", "says": unreachable}
    assert scenario("an_aborted_call")["thrown"] == "TimeoutError"


def test_a_wrong_clock_does_not_ask_for_more_tokens(scenario: Scenarios) -> None:
    assert scenario("a_wrong_clock") == {"right": 1, "ahead": 1, "behind": 1}


def test_a_token_is_replaced_shortly_before_its_lifetime_ends(scenario: Scenarios) -> None:
    """After 0, 9, 869 and 871 seconds: a lifetime of 900 s, one of 20 s, and a token without `iat`."""
    assert scenario("time_passes") == [*(1, 1, 1, 2), *(1, 1, 2, 2), *(1, 1, 1, 1)]


def test_ten_parallel_401s_ask_for_one_token(scenario: Scenarios) -> None:
    assert scenario("parallel_calls_and_parallel_401s") == {"statuses": [200], "issued": 2, "requests": 20}


def test_a_token_that_stays_refused_is_thrown_after_one_retry(scenario: Scenarios) -> None:
    seen = scenario("a_token_that_stays_refused")
    says = "Please sign in again."
    error = {"thrown": "TodoApiError", "says": says, "status": 401, "body": REFUSED, "code": "not_authenticated"}
    assert seen.pop("outcome") == error
    assert seen == {"requests": 2, "requests_with_the_same": 1}


def test_the_retry_after_a_401_has_the_body_and_the_new_token(scenario: Scenarios) -> None:
    assert scenario("the_request_is_sent_again_with_its_body") == {"title": "Buy milk", "numbers": [1, 2]}


def test_without_a_token_nothing_is_sent_and_health_needs_none(scenario: Scenarios) -> None:
    seen = scenario("without_a_token")
    assert (seen["thrown"], seen["requests"], seen["health"]) == (True, 0, "healthy")
    assert [error["says"] for error in seen["said"]] == [
        "Better Auth answers 500",
        "Not a JWT: use authClient.token(), not the session's token",
    ]


def test_the_helpers_read_what_was_thrown(scenario: Scenarios) -> None:
    seen = scenario("helpers")
    bad = {"title": "Must not be blank", "tags": "Too long; Must not be blank", "body": "Not an object"}
    sentence = "title: Must not be blank. tags: Too long; Must not be blank. body: Not an object"
    assert [(each["current"], each["fields"], each["message"]) for each in seen["results"]] == [
        (["Now", ["title"]], {}, "Another version."),
        (None, bad, sentence),
        (None, bad, "title: must not be blank"),
        (None, {}, "Task not found."),
    ]
    assert seen["results"][3]["text"] == "todo_api: 404 task_not_found Task not found."
    assert seen["other"] == [False, {}, "x"]


def test_the_scenarios_and_the_client_are_typed_strictly() -> None:
    require_node()
    for tsc in (CLIENT, PACKAGES):
        assert node(tsc / "node_modules/.bin/tsc", directory=HERE) == ""


def test_the_client_has_no_any() -> None:
    files = sorted(CLIENT.glob("src/*.ts"))
    assert [file.name for file in files] == ["errors.ts", "index.ts", "schema.d.ts", "tokens.ts"]
    assert not [file.name for file in files if re.search(r"[:<,|&] *any\b|\bas any\b", file.read_text())]

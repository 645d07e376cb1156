"""Two devices of one user on an unreliable network, driven by Hypothesis, checked by the model in `history.py`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import httpx
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.concurrency.history import History, Sent
from tests.support.client import Json, fresh_user, token_for
from tests.support.service import Service, free_port
from tests.support.unreliable_network import FAULTS, UnreliableNetwork

DEVICES = st.integers(0, 1)
FAULT = st.sampled_from(FAULTS)
TEXT = st.sampled_from(["", "a", "b", "c"])
TAGS = st.sets(st.sampled_from(["x", "y", "z"])).map(sorted)
EDIT = st.fixed_dictionaries(
    {}, optional={"title": TEXT.map("t{}".format), "description": TEXT, "tags": TAGS, "completed": st.booleans()}
)
MAX_CRASHES = 2
_SETTINGS = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    database=None,
    # The timing differs from run to run, so Hypothesis cannot shrink a failing example.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

EXPECTED = {200, 201, 204, 304, 404, 412}
"""Statuses that the examples must have met."""


class Device:
    """Keeps copies of tasks, and keeps each request in its outbox until it is answered."""

    def __init__(self, net: UnreliableNetwork, user: str) -> None:
        self.http = httpx.Client(timeout=60, verify=False)
        self.base = f"{net.url}/api/{user}"
        self.headers = {"Authorization": f"Bearer {token_for(user)}", "Connection": "close"}
        self.copies: dict[str, Json] = {}
        self.outbox: list[Sent] = []
        self.listed = '"nothing"'

    def send(self, sent: Sent, fault: str) -> httpx.Response | None:
        method, path, headers, body = sent
        try:
            return self.http.request(
                method, f"{self.base}/{path}", json=body, headers={**self.headers, **headers, "X-Fault": fault}
            )
        except httpx.TransportError:
            return None

    def do(self, sent: Sent, fault: str) -> None:
        """Sends the request. Without an answer it goes to the outbox."""
        answer = self.send(sent, fault)
        if answer is None or answer.status_code == 503:
            self.outbox.append(sent)
            return
        task_id = sent[1].split("/")[1] if "/" in sent[1] else ""
        match answer.status_code:
            case 201 if "idempotency-replayed" in answer.headers:
                # A replay is the task as it was created. The next list shows what has become of it.
                self.listed = '"nothing"'
                self.copies.setdefault(answer.json()["id"], answer.json())
            case 200 | 201:
                self.copies[answer.json()["id"]] = answer.json()
            case 412:
                self.resolve(sent, answer.json())
            case _:
                assert answer.status_code in (204, 404, 410), answer.text
                self.copies.pop(task_id, None)

    def resolve(self, sent: Sent, refusal: Json) -> None:
        """Takes over the other device's task. A change of other fields is sent again for the new version."""
        current = refusal["current"]
        known = self.copies.get(current["id"])
        self.copies[current["id"]] = current
        method, path, headers, body = sent
        if known is not None and headers["If-Match"] == f'"{known["version"]}"':
            differing = {name for name in refusal["changed"] if known[name] != current[name]}
            unnamed = {name for name in known if known[name] != current[name]} - set(refusal["changed"])
            assert unnamed <= {"version", "updated_at", "completed_at"}, "a change was not named"
            assert refusal["changed"] or not differing
        if method == "PATCH" and body and not set(body) & set(refusal["changed"]):
            self.outbox.append((method, path, {**headers, "If-Match": f'"{current["version"]}"'}, body))

    def refresh(self, fault: str) -> None:
        answer = self.send(("GET", "tasks?limit=100", {"If-None-Match": self.listed}, None), fault)
        if answer is not None and answer.status_code == 200:
            self.listed = answer.headers["etag"]
            self.copies = {task["id"]: task for task in answer.json()["data"]}


class TwoDevices(RuleBasedStateMachine):
    start: Callable[[], Service]
    service: Service
    net: UnreliableNetwork
    crashes = 0
    delivered = 0
    statuses: ClassVar[set[int | None]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.net.deliveries.clear()
        self.user = fresh_user("ann")
        self.devices = [Device(self.net, self.user) for _ in range(2)]
        for title in ("ta", "tb"):
            self.create(0, "none", title, ["x"])
        self.devices[1].refresh("none")

    @rule(device=DEVICES, fault=FAULT, title=TEXT.map("t{}".format), tags=TAGS)
    def create(self, device: int, fault: str, title: str, tags: list[str]) -> None:
        sent: Sent = ("POST", "tasks", {"Idempotency-Key": str(uuid4())}, {"title": title, "tags": tags})
        self.devices[device].do(sent, fault)

    def copy(self, device: int, which: int) -> tuple[Device, Json] | None:
        chosen = self.devices[device]
        tasks = sorted(chosen.copies.values(), key=lambda task: task["created_at"])
        return (chosen, tasks[which % len(tasks)]) if tasks else None

    @rule(device=DEVICES, fault=FAULT, which=st.integers(0, 1), changes=EDIT)
    def edit(self, device: int, fault: str, which: int, changes: Json) -> None:
        self.change(device, fault, which, "PATCH", "", changes)

    @rule(device=DEVICES, fault=FAULT, which=st.integers(0, 1))
    def toggle(self, device: int, fault: str, which: int) -> None:
        self.change(device, fault, which, "PATCH", "/complete", None)

    @rule(device=DEVICES, fault=FAULT, which=st.integers(0, 5))
    def delete(self, device: int, fault: str, which: int) -> None:
        if which < 2:
            self.change(device, fault, which, "DELETE", "", None)

    def change(self, device: int, fault: str, which: int, method: str, end: str, body: Any) -> None:  # noqa: PLR0917
        if chosen := self.copy(device, which):
            person, task = chosen
            person.do((method, f"tasks/{task['id']}{end}", {"If-Match": f'"{task["version"]}"'}, body), fault)

    @rule(device=DEVICES, fault=FAULT)
    def retry(self, device: int, fault: str) -> None:
        if self.devices[device].outbox:
            self.devices[device].do(self.devices[device].outbox.pop(0), fault)

    @rule(device=DEVICES, fault=FAULT)
    def refresh(self, device: int, fault: str) -> None:
        self.devices[device].refresh(fault)

    @rule(device=DEVICES)
    def device_crashes(self, device: int) -> None:
        """It loses everything except its outbox."""
        self.devices[device].copies.clear()
        self.devices[device].listed = '"nothing"'

    @rule(chance=st.integers(0, 3))
    def service_crashes(self, chance: int) -> None:
        """While requests are on their way to it."""
        if chance or self.crashes >= MAX_CRASHES or len(self.net.deliveries) < 10:
            return
        type(self).crashes += 1
        self.service.kill()
        type(self).service = self.start()

    def teardown(self) -> None:
        self.net.settle()
        for _ in range(100):
            for device in self.devices:
                device.outbox, again = [], device.outbox
                for sent in again:
                    device.do(sent, "none")
            if not any(device.outbox for device in self.devices):
                break
        else:
            raise AssertionError("the outbox never empties")
        self.net.settle()
        for device in self.devices:
            device.refresh("none")
            if device.copies != self.devices[0].copies:
                raise AssertionError("two devices see two lists")
        type(self).delivered += len(self.net.deliveries)
        self.check()
        for device in self.devices:
            device.http.close()

    def check(self) -> None:
        for delivery in self.net.deliveries:
            note(f"{delivery.method} {delivery.path} {delivery.headers.get('if-match')} → {delivery.status}")
        self.statuses.update(delivery.status for delivery in self.net.deliveries)
        History(self.net.deliveries).check(list(self.devices[0].copies.values()))


def test_no_edit_vanishes_and_no_task_appears_twice(database_url: str, tmp_path: Path) -> None:
    options = {"DATABASE_URL": database_url, "PORT": str(free_port())}

    def start() -> Service:
        service = Service(tmp_path, options)
        service.wait_until_it_answers()
        return service

    TwoDevices.start = staticmethod(start)
    TwoDevices.service = start()
    try:
        with UnreliableNetwork(TwoDevices.service.port) as TwoDevices.net:
            run_state_machine_as_test(TwoDevices, settings=_SETTINGS)
    finally:
        TwoDevices.service.stop()
    assert TwoDevices.statuses >= EXPECTED
    assert 'File "' not in TwoDevices.service.log.read_text()

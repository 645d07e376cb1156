"""Runs schedules that Hypothesis makes."""

import random
import time

from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, note, seed, settings

from tests.concurrency.sync.course import run_schedule
from tests.concurrency.sync.schedules import SCHEDULES, Schedule
from tests.concurrency.sync.world import World, world


def run_schedules(*urls: str, most: int, seconds: float = 86_400, number: int | None = None) -> World:
    """Runs up to `most` schedules, and begins none after `seconds`. `number`: the seed.

    `urls`: of the database; on a cluster those of the worker nodes, too.

    Raises:
        AssertionError: a device has not what the service has. The smallest schedule that shows it is in the notes.
    """

    @seed(random.randrange(2**32) if number is None else number)
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(schedule=SCHEDULES)
    def run(schedule: Schedule) -> None:
        note(str(schedule))
        if model.failed or time.monotonic() < end:
            portal.call(run_schedule, model, schedule)

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(world(*urls)) as model:
        end = time.monotonic() + seconds
        run()
    return model

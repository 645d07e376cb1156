"""A worker with a synchronous standby dies, and the standby is promoted: docs/scaling.md, "A standby per node"."""

import time
from pathlib import Path

from tests.support.cluster import own_cluster, rows
from tests.support.cluster_load import REFUSALS, ClusterLoad
from tests.support.service import running
from tests.support.standby import standby_of


def test_a_promoted_standby_serves_the_users_of_a_dead_worker_and_has_all_their_writes(tmp_path: Path) -> None:
    with own_cluster() as cluster:
        cluster.distribute()
        dead = cluster.ports["worker1"]
        with standby_of(cluster, "worker1") as standby, running(tmp_path, {"DATABASE_URL": cluster.url()}) as service:
            load = ClusterLoad(cluster, service)
            with load.running():
                time.sleep(2)
                load.wait_until_acknowledged("worker1", 0)
                cluster.kill("worker1")
                time.sleep(0.5)
                standby.promote()
                moved = f"select citus_update_node(nodeid, '127.0.0.1', {standby.port}) from pg_dist_node"
                rows(cluster.url(), f"{moved} where nodename = '127.0.0.1' and nodeport = {dead}")
                load.wait_until_acknowledged("worker1", time.monotonic())
            assert set(load.answers("worker2")) == {"acknowledged"}
            answers = load.answers("worker1")
            assert set(answers) <= {"acknowledged", *REFUSALS}
            assert answers["database_unavailable"]
            assert not load.unready
            assert not load.wrong()

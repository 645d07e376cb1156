"""The cluster that the tests of this folder run on."""

from pathlib import Path

import pytest

from tests.support import cluster as support
from tests.support.cluster import WORKERS, Cluster, install, rows


def test_it_has_a_coordinator_and_two_workers(cluster: Cluster) -> None:
    nodes = rows(cluster.url(), "select node_port from citus_get_active_worker_nodes() order by 1")
    assert [row["node_port"] for row in nodes] == [cluster.ports[worker] for worker in WORKERS]
    assert rows(cluster.url("plain"), "select from pg_extension where extname = 'citus'") == []


def test_a_test_may_have_a_database_of_its_own(cluster: Cluster) -> None:
    with cluster.database() as name:
        url = cluster.url(database=name)
        rows(url, "create table t (user_id text primary key)", "select create_distributed_table('t', 'user_id')")
        rows(url, "insert into t select n::text from generate_series(1, 100) n")
        (row,) = rows(url, "select count(distinct nodeport) from citus_shards where table_name = 't'::regclass")
        assert row[0] == len(WORKERS)
    assert rows(cluster.url(), f"select from pg_database where datname = '{name}'") == []


def test_without_the_scripts_it_is_skipped_with_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(support, "SCRIPTS", tmp_path / "nowhere")
    with pytest.raises(pytest.skip.Exception, match=r"\.\./shared/citus is missing"):
        install()


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_where_it_cannot_be_installed_ci_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, outcome: type[BaseException]
) -> None:
    (tmp_path / "install.sh").write_text("echo no permission >&2; exit 1")
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(support, "SCRIPTS", tmp_path)
    monkeypatch.setattr(support, "_INSTALLED", (tmp_path / "citus.so",))
    with pytest.raises(outcome, match="cannot be installed: no permission"):
        install()

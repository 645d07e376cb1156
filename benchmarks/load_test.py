"""1000 users at once, by Locust, on the machine that also carries the service and PostgreSQL.

python -m benchmarks.load_test [--users 1000] [--seconds 120] [--workers 1]
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
from tests.service import free_port

from benchmarks.compare import ROOT, SECRET, seeded
from todo_api.db.embedded import embedded_postgres


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    report = ROOT / ".load"
    report.mkdir(exist_ok=True)
    port = free_port()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-", ignore_cleanup_errors=True)))
        home.chmod(0o755)
        url = stack.enter_context(embedded_postgres(home, {"shared_buffers": "1GB"}))
        seeded(url, users=options.users, tasks=200)
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "DATABASE_URL": url,
            "BETTER_AUTH_SECRET": SECRET,
            "PYTHONPATH": str(ROOT),
            "LOG_LEVEL": "WARNING",
        }
        service = subprocess.Popen(
            [Path(sys.executable).with_name("todo-api"), "run", "--port", str(port), "--workers", str(options.workers)],
            cwd=home,
            env=environment,
        )
        stack.callback(service.wait)
        stack.callback(service.terminate)
        time.sleep(3)
        memory: list[float] = []
        done = threading.Event()
        watcher = threading.Thread(target=watch, args=(service.pid, memory, done))
        watcher.start()
        locust = subprocess.run(
            [
                Path(sys.executable).with_name("locust"), "--headless", "-f", ROOT / "benchmarks/locustfile.py",
                "--host", f"http://127.0.0.1:{port}", "-u", str(options.users), "-r", str(max(50, options.users // 10)),
                "-t", f"{options.seconds}s", "--html", report / "report.html", "--csv", report / "load",
                "--only-summary",
            ],
            env=environment,
            check=False,
        )  # fmt: skip
        done.set()
        watcher.join()
    rows = list(csv.DictReader((report / "load_stats.csv").open()))
    total = rows[-1]
    print(f"requests {total['Request Count']}, failures {total['Failure Count']}")
    print(f"p95 {total['95%']} ms, p99 {total['99%']} ms")

    print(f"memory of the workers, MiB: first {memory[0]:.0f}, last {memory[-1]:.0f}, most {max(memory):.0f}")
    return locust.returncode or int(int(total["Failure Count"]) > 0)


def watch(pid: int, memory: list[float], done: threading.Event) -> None:
    while not done.wait(5):
        workers = psutil.Process(pid).children()
        memory.append(max(worker.memory_info().rss for worker in workers) / 2**20)


if __name__ == "__main__":
    sys.exit(main())

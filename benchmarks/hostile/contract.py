"""python -m benchmarks.hostile.contract [EXAMPLES] [SEED]: Schemathesis, long; last figures in docs/security.md."""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.hostile.server import memory_mib, service
from tests.support.schemathesis_run import cases_of, schemathesis

examples, seed = (int(argument) for argument in (*sys.argv[1:], "1000", "1")[:2])
with service() as started, tempfile.TemporaryDirectory() as directory:
    before, began = memory_mib(started), time.monotonic()
    done = schemathesis(started.url, Path(directory), examples, seed)
    took, after = time.monotonic() - began, memory_mib(started)
    tracebacks = started.log.read_text().count("unhandled")
print(done.stdout)
print(f"{cases_of(done)} cases in {took:.0f} s, exit status {done.returncode}, {tracebacks} failures in the log")
print(f"memory {before:.0f} MiB before, {after:.0f} MiB after")
sys.exit(done.returncode or tracebacks)

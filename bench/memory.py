"""Memory of a process, as Linux tells it. Megabytes are decimal, the stricter reading of a limit."""

import re
from collections import Counter
from pathlib import Path

BYTES_PER_MB = 1_000_000
STATUS_FIELD = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)
MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)$")
RSS = re.compile(r"^Rss:\s+(\d+) kB$")


def now(pid: int) -> float:
    """Resident memory of a process now, in MB."""
    return status_field(_read(pid, "status"), "VmRSS")


def peak(pid: int) -> float:
    """The most that was ever resident, in MB."""
    return status_field(_read(pid, "status"), "VmHWM")


def breakdown(pid: int) -> dict[str, float]:
    """What is resident now by kind, in MB."""
    return by_kind(_read(pid, "smaps"))


def cpu_ticks(pid: int) -> int:
    """Processor time used so far, in the kernel's ticks."""
    return ticks(_read(pid, "stat"))


def status_field(text: str, name: str) -> float:
    """One size of /proc/PID/status in MB."""
    return megabytes(int(dict(STATUS_FIELD.findall(text))[name]))


def by_kind(smaps: str) -> dict[str, float]:
    """Sums /proc/PID/smaps: pages of `files` (code and constants), the `heap`, other `anonymous` ones (the allocator's
    further arenas, threads), the `stack`."""
    sums: Counter[str] = Counter()
    kind = ""
    for line in smaps.splitlines():
        if found := MAPPING.match(line):
            kind = _kind(found.group(1))
        elif found := RSS.match(line):
            sums[kind] += int(found.group(1))
    return {kind: megabytes(kilobytes) for kind, kilobytes in sums.most_common() if kilobytes}


def _kind(name: str) -> str:
    if name.startswith("/"):
        return "files"
    return {"[heap]": "heap", "[stack]": "stack"}.get(name, "anonymous")


def ticks(stat: str) -> int:
    """User and system time of /proc/PID/stat; the second field, a name, may hold anything."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def megabytes(kilobytes: float) -> float:
    """The kernel's kilobytes, of 1024 bytes, in MB."""
    return kilobytes * 1024 / BYTES_PER_MB


def _read(pid: int, file: str) -> str:
    return Path(f"/proc/{pid}/{file}").read_text()

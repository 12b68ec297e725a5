"""How long the long tests run: some seconds each, or GDCORE_LONG seconds."""

import os
import time
from collections.abc import Iterator

SECONDS = float(os.environ.get("GDCORE_LONG", "0")) or None


def until_tired(default: float) -> Iterator[int]:
    """0, 1, 2 … for as long as a test may run: `default` seconds where nothing else is asked."""
    begin = time.monotonic()
    count = 0
    while count == 0 or time.monotonic() - begin < (SECONDS or default):
        yield count
        count += 1


def resident_bytes() -> int:
    """Memory that this process has now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

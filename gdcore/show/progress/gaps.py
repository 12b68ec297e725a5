"""When a log gets its next line: at intervals that double, so that it starts at once and stays short."""

from __future__ import annotations

FIRST, LONGEST = 1.0, 600.0  # seconds between two lines


class Gaps:
    """Times of lines, at gaps that double from 1 s to 10 min.

    Parameters
    ----------
    begin : float
        When training began, in seconds of any clock.

    Examples
    --------
    >>> gaps = Gaps(0.0)
    >>> [t for t in range(20) if gaps.due(t)]
    [1, 3, 7, 15]
    """

    def __init__(self, begin: float) -> None:
        self.gap, self.next = FIRST, begin + FIRST

    def due(self, now: float) -> bool:
        """Whether a line is to be printed now; the next one is due a gap later."""
        if now < self.next:
            return False
        self.gap = min(2 * self.gap, LONGEST)
        self.next = now + self.gap
        return True

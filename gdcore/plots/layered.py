"""Layout of a graph: boxes in rows, each below the boxes it is computed from.

The method of Sugiyama et al. 1981 in its simplest form: longest paths give the rows, edges that
skip rows get a place in each of them, the order within a row follows the mean of the neighbours,
and a few sweeps move boxes above and below one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

GAP_X, GAP_Y, MARGIN, SWEEPS = 26.0, 34.0, 18.0, 12
PASSING = 14.0  # the width that an edge takes where it passes a row


@dataclass
class Layout:
    """The middle of each box, the points of each edge, and the size of all."""

    places: list[tuple[float, float]]
    edges: list[list[tuple[float, float]]]
    width: float
    height: float


def arrange(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Place boxes.

    Parameters
    ----------
    sizes : (width, height) of each box, each box after those it is made of
    edges : (from, to) by number, from < to

    Examples
    --------
    >>> layout = arrange([(10, 10), (10, 10)], [(0, 1)])
    >>> layout.places[0][0] == layout.places[1][0], layout.places[0][1] < layout.places[1][1]
    (True, True)
    """
    row = [0] * len(sizes)
    for a, b in edges:  # boxes come after their sources, and edges in the order of their targets
        row[b] = max(row[b], row[a] + 1)
    widths = [w for w, _ in sizes]
    chains: list[list[int]] = []  # for each edge, the boxes and passed rows along it
    for a, b in edges:
        chain = [a]
        for between in range(row[a] + 1, row[b]):
            row.append(between)
            widths.append(PASSING)
            chain.append(len(row) - 1)
        chains.append([*chain, b])
    above: list[list[int]] = [[] for _ in row]
    below: list[list[int]] = [[] for _ in row]
    for chain in chains:
        for a, b in pairwise(chain):
            above[b].append(a)
            below[a].append(b)
    rows: list[list[int]] = [[] for _ in range(max(row, default=0) + 1)]
    for i, r in enumerate(row):
        rows[r].append(i)
    x = _across(rows, widths, above, below)
    heights = [max((sizes[i][1] for i in r if i < len(sizes)), default=0.0) for r in rows]
    tops, y = [], MARGIN
    for high in heights:
        tops.append(y)
        y += high + GAP_Y
    middle = [tops[r] + heights[r] / 2 for r in row]
    left = min((x[i] - widths[i] / 2 for i in range(len(row))), default=0.0) - MARGIN
    x = [at - left for at in x]
    width = max((x[i] + widths[i] / 2 for i in range(len(row))), default=0.0) + MARGIN
    places = [(x[i], middle[i]) for i in range(len(sizes))]
    paths = []
    for chain in chains:
        a, b = chain[0], chain[-1]
        path = [(x[a], middle[a] + sizes[a][1] / 2)]
        for i in chain[1:-1]:
            path += [(x[i], tops[row[i]]), (x[i], tops[row[i]] + heights[row[i]])]
        paths.append([*path, (x[b], middle[b] - sizes[b][1] / 2 - 1.5)])
    return Layout(places, paths, width, y - GAP_Y + MARGIN)


def _across(
    rows: list[list[int]],
    widths: Sequence[float],
    above: Sequence[list[int]],
    below: Sequence[list[int]],
) -> list[float]:
    """The middle of each box from left to right."""
    x = [0.0] * len(widths)
    for r in rows:
        _spread(r, [float(k) for k in range(len(r))], widths, x)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for r in rows if down else rows[::-1]:
            near = above if down else below
            wanted = [sum(x[j] for j in near[i]) / len(near[i]) if near[i] else x[i] for i in r]
            if sweep < SWEEPS // 2:  # first the order, then only the distances
                order = sorted(range(len(r)), key=lambda k: (wanted[k], x[r[k]]))
                r[:] = [r[k] for k in order]
                wanted = [wanted[k] for k in order]
            _spread(r, wanted, widths, x)
    return x


def _spread(
    row: Sequence[int], wanted: Sequence[float], widths: Sequence[float], x: list[float]
) -> None:
    """Set the boxes of a row near where they are wanted, in their order, without overlap.

    Boxes that would overlap form a block, which stands where its members want it on average.
    """
    blocks: list[tuple[float, int, list[int], list[float]]] = []  # (sum of wishes, count, ...)
    for i, want in zip(row, wanted, strict=True):
        total, count, members, shifts = want, 1, [i], [0.0]
        while blocks:
            last_total, last_count, last_members, last_shifts = blocks[-1]
            step = last_shifts[-1] + (widths[last_members[-1]] + widths[members[0]]) / 2 + GAP_X
            if last_total / last_count + step <= total / count:
                break
            blocks.pop()
            total = last_total + total - step * count
            count += last_count
            shifts = [*last_shifts, *(step + s for s in shifts)]
            members = [*last_members, *members]
        blocks.append((total, count, members, shifts))
    for total, count, members, shifts in blocks:
        for i, shift in zip(members, shifts, strict=True):
            x[i] = total / count + shift

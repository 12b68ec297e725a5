"""Options of `gdcore train` on what the answers of a table's model are."""

from __future__ import annotations

import argparse
from typing import Any

from gdcore.cli.usage import fraction, listed, name_in

__all__ = ["add_answers"]


def _share(text: str) -> float:
    value = fraction(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected above 0 and below 1, such as 0.1")
    return value


def add_answers(group: Any) -> None:
    """Add them to a group of a parser."""
    group.add_argument(
        "--positive",
        metavar="CLASS",
        help="of a table's 2 classes, which one precision, recall, f1 and the threshold are about "
        "(default: the second)",
    )
    group.add_argument(
        "--threshold",
        metavar="WISH",
        help="from which probability on the answer is the positive class: f1, recall=0.9, "
        "precision=0.8 or 0.3 (default: the most probable class)",
    )
    group.add_argument(
        "--target-scale",
        type=name_in("scale of the target", ("log", "linear")),
        metavar="SCALE",
        help="of amounts of a table that are never negative: log, or linear (default: log if they have a long "
        "tail)",
    )
    group.add_argument(
        "--interval",
        metavar="SHARE",
        type=fraction,
        help="of a table: an interval around each prediction that is to hold this share of the answers, "
        "such as 0.9; predict gives its ends",
    )
    group.add_argument(
        "--quantiles",
        metavar="Q,Q",
        type=listed("quantile", _share),
        help="of a table: shares of the answers that are to lie below a prediction each, such as 0.1,0.9; "
        "predict gives them beside the median",
    )
    group.add_argument(
        "--label-smoothing",
        metavar="SHARE",
        type=fraction,
        help="of a table's classes: share of each answer that is spread over all of them while training "
        "(default: 0, 0.1 of realmlp)",
    )

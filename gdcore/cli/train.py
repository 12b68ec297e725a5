"""`gdcore train`: from a source to a trained model, a table, a file and a picture."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import gdcore as gd
from gdcore.cli.sources import kind_of
from gdcore.cli.usage import UsageError
from gdcore.printed import shown

__all__ = ["check_report", "run"]


def run(args: argparse.Namespace) -> int:
    """Train, and tell how it went."""
    args.verbose = "nothing" if args.quiet else args.verbose
    _check_outputs(args)
    if args.threads is not None:
        gd.set_num_threads(args.threads)
    if kind_of(args.source) == "table":
        from gdcore.cli.tables import train_table as train
    else:
        from gdcore.cli.arrays import train_arrays as train
    outcome = train(args)
    made = outcome.keep(args.out, args.plot, args.report)
    if outcome.stopped:
        if outcome.results and args.verbose != "nothing":  # Ctrl-C came while it was trained anew
            print(shown(outcome.results), flush=True)
        done = f"after {outcome.steps:,} steps ({outcome.epochs} epochs)"
        saved = f"; the model is saved in {args.out}" if args.out else ""
        line = f"gdcore train: interrupted {done}{saved}"
        print(shown(line, sys.stderr), file=sys.stderr, flush=True)
        return 130
    if args.verbose == "all":
        print(shown(f"{outcome.results}\n\n{outcome.facts(made)}"), flush=True)
    elif args.verbose == "report":
        print(shown(outcome.results), flush=True)
    return 0


def check_report(path: str | None) -> None:
    """Raises UsageError or ImportError if no report can be written to a path."""
    if path is None:
        return
    from gdcore.plots import require_matplotlib
    from gdcore.tabular.report import check_report_path

    try:
        ending = check_report_path(path)
    except ValueError as error:
        raise UsageError(f"--report: {error}") from None
    if ending == ".html":
        require_matplotlib()


def _check_outputs(args: argparse.Namespace) -> None:
    """What would fail after the training fails before it."""
    for option, path in (("--out", args.out), ("--plot", args.plot), ("--report", args.report)):
        if path is None:
            continue
        folder = Path(path).resolve().parent
        if not folder.is_dir():
            raise UsageError(
                f"{option} {path}: there is no folder {folder}, expected one: make it first"
            )
        if Path(path).is_dir():
            raise UsageError(f"{option} {path} is a folder, expected the name of a file")
        if not os.access(folder, os.W_OK):
            raise UsageError(f"{option} {path}: the folder {folder} cannot be written to")
    if args.plot is not None:
        from gdcore.plots import check_path

        try:
            check_path(args.plot)
        except ValueError as error:
            raise UsageError(f"--plot: {error}") from None
    check_report(args.report)

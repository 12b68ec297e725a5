"""The process that measures one library under one case.

    python -m bench.runner LIBRARY CASE [--mode loop|plan|fit] [--threads N] [--seconds S]

prints {"seconds": of a step, "check": first losses or outputs}. bench/peers.py calls it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import warnings
from typing import Any

import numpy as np

from bench.cases import ALL, Case
from bench.libraries import LIBRARIES
from bench.measure import clock, keep_to

CHECKED = 5  # steps whose losses are compared, or outputs


def run(name: str, case: Case, mode: str, threads: int, seconds: float) -> dict[str, Any]:
    """Time of a step, and the first losses (or outputs) from the initial weights."""
    keep_to(threads)
    library = LIBRARIES[name](case, threads)
    x, y = case.data()
    cuts = [slice(i, i + case.batch) for i in range(0, len(x), case.batch)]
    batches = [(library.put(x[c]), library.put(y[c])) for c in cuts]

    def step(
        x: Any, y: Any
    ) -> Any:  # a step need not be waited for, but a prediction is made to be read
        return library.train(x, y) if case.trains else library.read(library.predict(x))

    numbers = library.read if case.trains else np.asarray
    some = itertools.islice(itertools.cycle(batches), CHECKED if case.trains else 1)
    check = [float(v) for part in some for v in np.ravel(numbers(step(*part)))[:CHECKED]]
    if mode == "loop":
        endless = itertools.cycle(batches)

        def take(count: int) -> None:
            for part in itertools.islice(endless, count):
                result = step(*part)
            if case.trains:
                library.read(result)

        each = clock(take, seconds)
    else:
        each = clock(
            lambda count: library.fit(x, y, count // len(batches), mode == "fit"),
            seconds,
            len(batches),
        )
    if not all(map(math.isfinite, check)):
        raise ArithmeticError(f"{name} on {case.name}: the first losses are {check}")
    return {"seconds": each, "check": check}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.runner", description="Measure one library under one case."
    )
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("case", choices=ALL)
    parser.add_argument("--mode", default="loop", choices=("loop", "plan", "fit"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        json.dumps(
            run(options.library, ALL[options.case], options.mode, options.threads, options.seconds)
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`gdcore info`: what runs here, and what a model's file holds."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

import gdcore as gd
from gdcore import _core, compute, runtime
from gdcore.printed import shown
from gdcore.tabular.model import KEY

__all__ = ["facts", "run"]

OPENMP_VERSIONS = {
    "201307": "4.0",
    "201511": "4.5",
    "201811": "5.0",
    "202011": "5.1",
    "202111": "5.2",
    "202411": "6.0",
}


def run(args: argparse.Namespace) -> int:
    """Print the facts, of the package or of a model."""
    if args.model is not None:
        from gdcore.cli.ask import open_model

        print(shown(_described(args.model, open_model(args.model))))
        return 0
    found = facts()
    width = max(map(len, found))
    print(shown("\n".join(f"{name:{width}}  {text}" for name, text in found.items())))
    return 0


def facts() -> dict[str, str]:
    """What bears on speed and on bugs, by name."""
    here, held = runtime.isas_here(), [name for name, _ in _core.isa_names()]
    forced = " (forced by GDCORE_ISA)" if os.environ.get("GDCORE_ISA") else ""
    asked = " (OMP_NUM_THREADS)" if os.environ.get("OMP_NUM_THREADS") else ""
    return {
        "gdcore": gd.__version__,
        "file": str(_core.__file__),
        "isa": f"{runtime.ISA_NAME}{forced}; this machine runs {', '.join(here)}; built for "
        f"{', '.join(held)}",
        "bfloat16": _bfloat16(),
        "threads": f"{runtime.get_num_threads()}{asked}; the machine has {os.cpu_count()} "
        "processors",
        "openmp": _openmp(),
        "compiler": _compiler(),
        "build flags": _core.build_flags(),
        "numpy": np.__version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
    }


def _bfloat16() -> str:
    kernels = compute.kernels_here()
    how = "its own kernels" if kernels.how == compute.BY_INSTRUCTIONS else "float32 kernels"
    return f"{how}: {kernels.reason}"


def _openmp() -> str:
    date = str(_core.openmp())
    if date == "none":
        return "none: built for one thread"
    version = OPENMP_VERSIONS.get(date)
    library = ", ".join(_runtimes()) or "run-time library unknown"
    return f"{version} ({date}), {library}" if version else f"({date}), {library}"


def _runtimes() -> list[str]:
    """Files of the OpenMP libraries in this process: more than one is a cause of trouble."""
    try:
        lines = os.fsdecode(Path("/proc/self/maps").read_bytes()).splitlines()
    except OSError:
        return []
    files = {
        line.split(maxsplit=5)[5]
        for line in lines
        if re.search(r"/lib(gomp|iomp5|omp)[^/]*$", line)
    }
    return sorted(files)


def _compiler() -> str:
    """What the compiler wrote into the extension."""
    try:
        content = Path(str(_core.__file__)).read_bytes()
    except OSError:
        return "unknown"
    found = {
        m.decode("ascii", "replace")
        for m in re.findall(rb"(?:GCC: \([^\0)]*\) [\d.]+|clang version [\d.]+)", content)
    }
    return ", ".join(sorted(found)) or "unknown"


def _described(path: str, model: Any) -> str:
    network = model if isinstance(model, gd.Model) else model.network
    info = network.info
    epochs = info.get("epochs", network.epochs_done)
    task = info.get("task", "unknown task")
    lines = []
    if network is not model:
        task, settings = model.target.task, model.settings.config()
        lines += _trained(info.get("source"), settings)
        lines += _scores(info[KEY].get("report"), "scores")
        lines += ["", str(model), ""]
    else:
        known = info.get("training")
        if isinstance(known, dict):
            lines += _trained(known.pop("source", None), known)
        classes = info.get("classes")
        if isinstance(classes, list):
            more = ", ..." if len(classes) > 20 else ""
            lines.append(f"classes: {', '.join(map(str, classes[:20]))}{more}")
        lines += [*_scores(info, "results"), ""]
    head = f"{path}: a model of {task}, trained for {epochs} epochs"
    return "\n".join([head, *lines, network.summary()])


def _trained(source: Any, settings: dict[str, Any]) -> list[str]:
    told = ", ".join(f"{k} {v}" for k, v in settings.items() if v is not None)
    return [f"trained on {source} with {told}"]


def _scores(info: Any, key: str) -> list[str]:
    """A line for each part of the data that the model was measured on."""
    results = info.get(key) if isinstance(info, dict) else None
    lines = []
    for part, got in results.items() if isinstance(results, dict) else ():
        if isinstance(got, dict):
            shown = [f"{k} {v:.6g}" for k, v in got.items() if isinstance(v, int | float)]
            lines.append(f"{part}: {', '.join(shown)}")
    return lines

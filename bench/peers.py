"""Every case against whichever peers are installed.

    python -m bench.peers [--cases tiny,mnist] [--threads 1,2] [--runs 5] [--repeat 5] [--fit] [--markdown]

Each measurement is a process of its own, gdcore and a peer in turn, so that both meet the same weather.
What is compared is the ratio of two neighbours; its median over the rounds is held against the target.
A peer on T threads is the better of it on 1 and on T. Ends with 0 only if every target holds; with
--repeat, in more than half of the repetitions.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

from bench.cases import Case, chosen
from bench.libraries import LIBRARIES
from bench.measure import (
    Failed,
    Spread,
    in_process,
    others,
    processor,
    processors,
    progress,
    spread,
    table,
)
from bench.peak import Peak, peak

README = Path(__file__).with_name("README.md")
PEERS = [name for name in LIBRARIES if name != "gdcore"]
SAME = 1e-3  # by which the first losses may differ


@dataclass
class Measured:
    """What was measured of one case, in seconds a step, one number for each time.

    Attributes
    ----------
    own, call : gdcore by thread count: over epochs, and by one call for each step
    peers : by "peer@threads"
    ratios : by thread count and "peer@threads": the peer's time over that of gdcore just before it
    trouble : what did not come about
    """

    case: str
    own: dict[int, list[float]] = field(default_factory=dict)
    call: dict[int, list[float]] = field(default_factory=dict)
    peers: dict[str, list[float]] = field(default_factory=dict)
    ratios: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)

    def best(self, threads: int) -> tuple[str, Spread] | None:
        """The peer that gdcore is ahead of by least, and by how much."""
        found = {name: spread(r) for name, r in self.ratios.get(threads, {}).items()}
        return min(found.items(), key=lambda item: item[1].median) if found else None


def measure(
    case: Case, peers: list[str], threads: list[int], runs: int, seconds: float, fit: bool
) -> Measured:
    """Rounds of one case: before each peer, gdcore on every number of threads that it is compared on."""
    out = Measured(case.name)
    mode = "fit" if fit else "loop"
    own_mode = mode if fit or not case.trains else "plan"
    contenders = [
        (p, t) for p in peers if LIBRARIES[p].can(case, mode) for t in sorted({1, *threads})
    ]

    def one(which: str, how: str, t: int) -> tuple[float, list[float]]:
        progress(f"{case.name}: {which} on {t}")
        got = in_process(
            "bench.runner",
            which,
            case.name,
            "--mode",
            how,
            "--threads",
            str(t),
            "--seconds",
            str(seconds),
            threads=t,
        )
        return got["seconds"], got["check"]

    for _ in range(runs):
        for t in threads:
            if own_mode == "plan":
                out.call.setdefault(t, []).append(one("gdcore", "loop", t)[0])
            elif not contenders:
                out.own.setdefault(t, []).append(one("gdcore", own_mode, t)[0])
        for peer, t in list(contenders):
            ours: dict[int, float] = {}
            for mine in (n for n in threads if n >= t):
                ours[mine], want = one("gdcore", own_mode, mine)
                out.own.setdefault(mine, []).append(ours[mine])
            try:
                time, got = one(peer, mode, t)
                if ours and not np.allclose(
                    got, want, rtol=SAME, atol=SAME * float(np.abs(want).max())
                ):
                    raise Failed(f"first losses or outputs {got}, gdcore's {want}")
            except Failed as error:
                out.trouble.append(f"{peer} on {t}: {error}")
                contenders.remove((peer, t))
                continue
            out.peers.setdefault(f"{peer}@{t}", []).append(time)
            for mine, our in ours.items():
                out.ratios.setdefault(mine, {}).setdefault(f"{peer}@{t}", []).append(time / our)
    progress("")
    return out


def holds(m: Measured, case: Case, threads: int) -> bool:
    """Whether the median ratio reaches the target, with every peer in it."""
    best = m.best(threads)
    return best is not None and best[1].median >= case.target and not m.trouble


def short(seconds: float) -> str:
    """Microseconds with three digits that count."""
    value = seconds * 1e6
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}"


def rows(
    m: Measured, case: Case, threads: list[int], peers: list[str], peaks: dict[int, Peak]
) -> list[list[str]]:
    """The case's lines of the table."""
    out = []
    for t in threads:
        own = spread(m.own[t])
        gflops = case.flops / own.median * 1e-9
        cells = [
            case.name,
            str(t),
            f"{short(own.median)} [{short(own.low)}–{short(own.high)}]",
            f"{gflops:.1f}",
            f"{gflops / peaks[t].gflops:.0%}" if t in peaks else "—",
            short(spread(m.call[t]).median) if t in m.call else "—",
        ]
        for peer in peers:
            times = [
                spread(m.peers[k]).median for n in sorted({1, t}) if (k := f"{peer}@{n}") in m.peers
            ]
            cells.append(short(min(times)) if times else "—")
        best = m.best(t)
        cells += [
            best[0] if best else "—",
            f"{best[1]:.2f}" if best else "—",
            f"{case.target:g}",
            f"{case.reach:g}",
            "yes" if holds(m, case, t) else "no",
        ]
        out.append(cells)
    return out


def setting(peers: list[str], peaks: dict[int, Peak], load: float) -> str:
    """On what, and with what, this was measured."""
    from gdcore import __version__, runtime

    versions = [f"gdcore {__version__} ({runtime.ISA_NAME})"]
    packages = dict.fromkeys(n for p in peers for n in LIBRARIES[p].distributions)
    versions += [f"{n} {metadata.version(n)}" for n in packages]
    top = "; ".join(
        f"{p.gflops:.0f} GFLOP/s and {p.bandwidth:.0f} GB/s on {t}" for t, p in peaks.items()
    )
    return (
        f"{datetime.date.today()}, {processor()}, {processors()} processors, measured peak {top or 'unknown'}. "
        f"{load:.1f} processes wanted to run when it began. {', '.join(versions)}. "
        "Microseconds a step, medians [quartiles]."
    )


def write_into(path: Path, mark: str, text: str) -> None:
    """Replace what stands between two marks of a Markdown file."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, found, rest = path.read_text().partition(begin)
    if not found or end not in rest:
        raise SystemExit(f"{path} has no {begin} … {end} to write the table between")
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers", description="Every case against its peers."
    )
    parser.add_argument("--cases", help="names, with commas between (default: all)")
    parser.add_argument(
        "--peers", help=f"some of {','.join(PEERS)} (default: all that are installed)"
    )
    parser.add_argument("--threads", default="1,2", help="numbers of threads (default 1,2)")
    parser.add_argument("--runs", type=int, default=5, help="rounds (default 5)")
    parser.add_argument(
        "--repeat", type=int, default=1, help="so often; targets must hold in more than half"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="length of one measurement (default 0.5)"
    )
    parser.add_argument(
        "--fit", action="store_true", help="what people call: fit over shuffled epochs"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single measurement")
    parser.add_argument(
        "--markdown",
        type=Path,
        nargs="?",
        const=README,
        metavar="FILE",
        help="write the table into bench/README.md, or another file with such marks",
    )
    options = parser.parse_args()

    from gdcore import runtime

    threads = [int(t) for t in options.threads.split(",")]
    asked = PEERS if options.peers is None else options.peers.split(",")
    if unknown := [p for p in asked if p not in PEERS]:
        parser.error(f"unknown peer {unknown[0]!r}: expected some of {', '.join(PEERS)}")
    peers = [p for p in asked if LIBRARIES[p].installed()]
    if missing := [p for p in asked if p not in peers]:
        print(f"not installed, and not measured: {', '.join(missing)}", file=sys.stderr)
    cases = [c for c in chosen(options.cases) if c.trains or not options.fit]
    mode = "fit" if options.fit else "loop"
    shown = [p for p in peers if any(LIBRARIES[p].can(c, mode) for c in cases)]
    load = others()
    peaks = peak(tuple(threads), runtime.ISA_NAME)

    all_measured: list[list[Measured]] = []
    held: dict[tuple[str, int], int] = defaultdict(int)
    text = ""
    for _ in range(options.repeat):
        measured = [
            measure(c, shown, threads, options.runs, options.seconds, options.fit) for c in cases
        ]
        all_measured.append(measured)
        body = [
            row
            for m, c in zip(measured, cases, strict=True)
            for row in rows(m, c, threads, shown, peaks)
        ]
        head = [
            "case",
            "threads",
            "gdcore",
            "GFLOP/s",
            "of peak",
            "by call",
            *shown,
            "best",
            "ratio",
            "target",
            "reach",
            "met",
        ]
        text = setting(shown, peaks, load) + "\n\n" + table(head, body)
        text += "".join(f"\n\n{m.case}: {t}" for m in measured for t in m.trouble)
        print(text, end="\n\n", flush=True)
        for m, c in zip(measured, cases, strict=True):
            for t in threads:
                held[c.name, t] += holds(m, c, t)
        if options.json:
            record = {
                "setting": setting(shown, peaks, load),
                "peak": {t: p._asdict() for t, p in peaks.items()},
                "measured": [[asdict(m) for m in one] for one in all_measured],
            }
            options.json.write_text(json.dumps(record, indent=1))
    if options.markdown:
        write_into(options.markdown, "fit" if options.fit else "peers", text)
    missed = [f"{name} on {t}" for (name, t), n in held.items() if 2 * n <= options.repeat]
    tail = f"; missed: {', '.join(missed)}" if missed else ""
    print(f"{len(held) - len(missed)} of {len(held)} targets hold{tail}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

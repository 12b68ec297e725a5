"""Every case against whichever peers are installed.

    python -m bench.peers [--cases tiny,mnist] [--threads 1,2] [--runs 5] [--fit] [--compute bfloat16] [--add FILE]

Each measurement is a process of its own, gdcore and a peer alternately, so that both are exposed to the same
disturbances; the result is the ratio of two successive times. A run measures all cases and peers once. The
fastest peer of a run decides, and a target holds if it is reached in more than half of the runs: three of
five. A peer on T threads counts by the better of its times on 1 and on T threads.

*At most* is the bound that the machine's arithmetic sets: the best peer's time over that of the matrix
products alone at the measured peak. A target above this bound is reported as missed, with the bound.

It holds as well where the products alone, at the measured peak, would take 85 % of the step.

With `--compute bfloat16` gdcore's products are in bfloat16, against the same peers and the peak of bfloat16.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

from bench.cases import ALL, Case, chosen
from bench.libraries import LIBRARIES
from bench.measure import Failed, Spread, in_process, progress, spread, table
from bench.peak import Peak, peak
from bench.study import Record, Study, numbers, read, run, setting, told, write

README = Path(__file__).with_name("README.md")
OURS = {"float32": "gdcore", "bfloat16": "gdcore bfloat16"}
PEERS = [name for name in LIBRARIES if not name.startswith("gdcore")]
SAME = {"float32": 1e-3, "bfloat16": 2e-2}  # by which the first losses may differ
ENOUGH = 0.85  # of the peak


@dataclass
class Measured:
    """What was measured of one case, in seconds a step, one number for each run.

    Attributes
    ----------
    own, call : gdcore by thread count: over epochs, and by one call for each step
    peers : by "peer@threads"
    ratios : by thread count and "peer@threads": the peer's time over that of gdcore just before it
    trouble : messages of failed measurements
    """

    case: str
    own: dict[int, list[float]] = field(default_factory=dict)
    call: dict[int, list[float]] = field(default_factory=dict)
    peers: dict[str, list[float]] = field(default_factory=dict)
    ratios: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, record: Record) -> Measured:
        """From what JSON made of it, where every key is text."""
        by_threads = {
            k: {int(t): v for t, v in record[k].items()} for k in ("own", "call", "ratios")
        }
        return cls(**{**record, **by_threads})

    def best(self, threads: int) -> tuple[str, Spread] | None:
        """The fastest peer, and gdcore's speed-up over it."""
        found = {name: spread(r) for name, r in self.ratios.get(threads, {}).items()}
        return min(found.items(), key=lambda item: item[1].median) if found else None

    def led(self, threads: int) -> list[float]:
        """In each run, gdcore's speed-up over the fastest peer."""
        return [min(r) for r in zip(*self.ratios.get(threads, {}).values(), strict=False)]


def compute_of(record: Record) -> str:
    """What gdcore's products computed in."""
    return record.get("compute", "float32")


def once(out: Measured, case: Case, peers: list[str], threads: list[int], how: Record) -> None:
    """One run of one case: before each peer, gdcore on every number of threads it is compared on."""
    mode = "fit" if how["fit"] else "loop"
    mine, same = OURS[how["compute"]], SAME[how["compute"]]
    own_mode = mode if how["fit"] or not case.trains else "plan"
    failed = {t.split(":")[0] for t in out.trouble}
    contenders = [
        (p, t)
        for p in peers
        if LIBRARIES[p].can(case, mode)
        for t in sorted({1, *threads})
        if f"{p} on {t}" not in failed
    ]

    def one(which: str, mode: str, t: int) -> tuple[float, list[float]]:
        progress(f"{case.name}: {which} on {t}")
        words = ["--mode", mode, "--threads", str(t), "--seconds", str(how["seconds"])]
        got = in_process("bench.runner", which, case.name, *words, threads=t)
        return got["seconds"], got["check"]

    for t in threads:
        if own_mode == "plan":
            out.call.setdefault(t, []).append(one(mine, "loop", t)[0])
        elif not contenders:
            out.own.setdefault(t, []).append(one(mine, own_mode, t)[0])
    for peer, t in contenders:
        ours: dict[int, float] = {}
        for n in (n for n in threads if n >= t):
            ours[n], want = one(mine, own_mode, n)
            out.own.setdefault(n, []).append(ours[n])
        try:
            time, got = one(peer, mode, t)
            if ours and not np.allclose(
                got, want, rtol=same, atol=same * float(np.abs(want).max())
            ):
                raise Failed(f"first losses or outputs {got}, gdcore's {want}")
        except Failed as error:
            out.trouble.append(f"{peer} on {t}: {error}")
            continue
        out.peers.setdefault(f"{peer}@{t}", []).append(time)
        for n, our in ours.items():
            out.ratios.setdefault(n, {}).setdefault(f"{peer}@{t}", []).append(time / our)
    progress("")


def measure(options: argparse.Namespace) -> Record:
    """All runs, after those that a file holds already; the file is written after each."""
    from gdcore import runtime

    if unknown := [p for p in options.peers or () if p not in PEERS]:
        raise SystemExit(f"unknown peer {unknown[0]!r}: expected some of {', '.join(PEERS)}")
    asked = options.peers or PEERS
    peers = [p for p in asked if LIBRARIES[p].installed()]
    if missing := [p for p in asked if p not in peers]:
        print(f"not installed, and not measured: {', '.join(missing)}", file=sys.stderr)
    cases = [c for c in chosen(options.cases) if c.trains or not options.fit]
    packages = dict.fromkeys(n for p in peers for n in LIBRARIES[p].distributions)
    how = {"fit": options.fit, "seconds": options.seconds, "compute": options.compute}
    before = read(options.add) if options.add and options.add.exists() else None
    if before is not None and (before["fit"], compute_of(before)) != (options.fit, options.compute):
        raise SystemExit(
            f"{options.add} was measured {'with' if before['fit'] else 'without'} --fit, in {compute_of(before)}"
        )
    measured = {m["case"]: Measured.of(m) for m in before["measured"]} if before else {}
    record: Record = {
        "setting": setting(**{n: metadata.version(n) for n in packages}),
        "fit": options.fit,
        "compute": options.compute,
        "peak": {
            str(t): p._asdict() for t, p in peak(tuple(options.threads), runtime.ISA_NAME).items()
        },
    }
    for _ in range(options.runs):
        for case in cases:
            once(
                measured.setdefault(case.name, Measured(case.name)),
                case,
                peers,
                options.threads,
                how,
            )
        record["measured"] = [asdict(measured[n]) for n in ALL if n in measured]
        if options.add:
            write(options.add, record)
    return record


def holds(m: Measured, case: Case, threads: int, compute: str, peaks: dict[int, Peak]) -> bool:
    """Whether the target is reached in more than half of the runs, with every peer in them."""
    if threads in peaks and of_peak(m, case, threads, compute, peaks) >= ENOUGH and not m.trouble:
        return True
    led = m.led(threads)
    return 2 * sum(r >= case.asked(compute) for r in led) > len(led) and not m.trouble


def of_peak(m: Measured, case: Case, threads: int, compute: str, peaks: dict[int, Peak]) -> float:
    """The share of a step that its products would take at the measured peak."""
    return case.flops / spread(m.own[threads]).median / (peaks[threads].of(compute) * 1e9)


def most(
    m: Measured, case: Case, threads: int, compute: str, peaks: dict[int, Peak]
) -> float | None:
    """How many times faster than the best peer the products alone would be, at the measured peak."""
    times = [spread(v).median for name, v in m.peers.items() if int(name.split("@")[1]) <= threads]
    if threads not in peaks or not times:
        return None
    return min(times) * peaks[threads].of(compute) * 1e9 / case.flops


def short(seconds: float) -> str:
    """Microseconds with three significant digits."""
    value = seconds * 1e6
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}"


def rows(
    m: Measured,
    case: Case,
    threads: list[int],
    peers: list[str],
    compute: str,
    peaks: dict[int, Peak],
) -> list[list[str]]:
    """The case's lines of the table."""
    out = []
    asked = case.asked(compute)
    for t in threads:
        own = spread(m.own[t])
        gflops = case.flops / own.median * 1e-9
        cells = [
            case.name,
            str(t),
            f"{short(own.median)} [{short(own.low)}–{short(own.high)}]",
            f"{gflops:.1f}",
            f"{of_peak(m, case, t, compute, peaks):.0%}" if t in peaks else "—",
            short(spread(m.call[t]).median) if t in m.call else "—",
        ]
        for peer in peers:
            times = [
                spread(m.peers[k]).median for n in sorted({1, t}) if (k := f"{peer}@{n}") in m.peers
            ]
            cells.append(short(min(times)) if times else "—")
        best, led, bound = m.best(t), m.led(t), most(m, case, t, compute, peaks)
        cells += [
            best[0] if best else "—",
            f"{spread(led):.2f}" if led else "—",
            "—" if bound is None else f"{bound:.3g}",
            f"{asked:g}",
            "—" if compute == "bfloat16" else f"{case.reach:g}",
            f"{'yes' if holds(m, case, t, compute, peaks) else 'no'}, {sum(r >= asked for r in led)} of {len(led)}",
        ]
        out.append(cells)
    return out


def parts(record: Record) -> tuple[list[Measured], list[int], list[str], dict[int, Peak]]:
    """What was measured, on which threads, against which peers, under which peaks."""
    measured = [Measured.of(m) for m in record["measured"]]
    threads = sorted({t for m in measured for t in m.own})
    found = {name.split("@")[0] for m in measured for name in m.peers}
    peaks = {int(t): Peak(**p) for t, p in record["peak"].items()}
    return measured, threads, [p for p in PEERS if p in found], peaks


def show(record: Record) -> str:
    """The table."""
    measured, threads, peers, peaks = parts(record)
    compute = compute_of(record)
    head = ["case", "threads", OURS[compute], "GFLOP/s", "of peak", "by call", *peers, "best"]
    head += ["ratio", "at most", "target", "reach", "met"]
    body = [
        row
        for m in measured
        for row in rows(m, ALL[m.case], [t for t in threads if t in m.own], peers, compute, peaks)
    ]
    top = "; ".join(
        f"{p.of(compute):.0f} GFLOP/s in {compute} and {p.bandwidth:.0f} GB/s on {t}"
        for t, p in peaks.items()
    )
    text = f"{told(record['setting'])} Measured peak {top or 'unknown'}. "
    text += "Microseconds a step, medians [quartiles].\n\n" + table(head, body)
    return text + "".join(f"\n\n{m.case}: {t}" for m in measured for t in m.trouble)


def missed(record: Record) -> list[str]:
    """Targets that do not hold; where the machine's arithmetic forbids them, that is said."""
    measured, threads, _, peaks = parts(record)
    compute, out = compute_of(record), []
    for m in measured:
        case = ALL[m.case]
        asked = case.asked(compute)
        for t in threads:
            if t not in m.own or holds(m, case, t, compute, peaks):
                continue
            led, bound = m.led(t), most(m, case, t, compute, peaks)
            said = f"ratio {spread(led).median:.2f}" if led else "no peer"
            line = f"{case.name} on {t}: {said}, asked {asked:g}"
            if bound is not None and bound < asked:
                line += (
                    f"; the products alone at the machine's peak would be {bound:.2f} times faster"
                )
            out.append(line)
    return out


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", help="names, with commas between (default: all)")
    parser.add_argument(
        "--peers",
        type=lambda text: text.split(","),
        help=f"some of {','.join(PEERS)} (default: all that are installed)",
    )
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="default 1,2")
    parser.add_argument("--runs", type=int, default=5, help="times through all cases (default 5)")
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="length of one measurement (default 0.5)"
    )
    parser.add_argument(
        "--fit", action="store_true", help="what people call: fit over shuffled epochs"
    )
    parser.add_argument(
        "--compute", choices=OURS, default="float32", help="what gdcore's products compute in"
    )
    parser.add_argument(
        "--add",
        type=Path,
        metavar="FILE",
        help="go on from what FILE holds, and write it after each run",
    )


def study(fit: bool) -> Study:
    """Steps, or with --fit what people call; each is published in a table of its own."""
    return Study(
        "fit" if fit else "peers",
        "Every case against its peers.",
        measure,
        show,
        missed,
        options,
        page=README,
        module="peers",
    )


if __name__ == "__main__":
    run(study("--fit" in sys.argv))

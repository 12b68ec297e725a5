"""``python -m tests.fuzz --seconds N --target X``: fuzz readers of files, each in a process of its own."""

import argparse
import faulthandler
import hashlib
import os
import subprocess
import sys
import tempfile


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", help="one of them (see --list); all if left out")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--inputs", type=int, help="for each target, instead of seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="folder for the inputs that found something")
    parser.add_argument("--replay", metavar="FILE", help="read this input, and say what happens")
    parser.add_argument("--list", action="store_true", help="names of the targets")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    from .targets import TARGETS

    if args.target is not None and args.target not in TARGETS:
        parser.error(f"unknown target {args.target!r}: expected one of {', '.join(TARGETS)}")
    if args.list:
        print(*TARGETS, sep="\n")
        return 0
    if args.inside or args.replay:
        return inside(args, TARGETS[args.target])
    out = args.out or tempfile.mkdtemp(prefix="gdcore-fuzz-")
    os.makedirs(out, exist_ok=True)
    found = 0
    for name in [args.target] if args.target else TARGETS:
        found += supervised(args, name, out)
    return int(found > 0)


def supervised(args, name, out):
    """Run one target in a child: if that dies, its last input is kept."""
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if os.path.isdir("/dev/shm") else None
    ) as folder:
        command = [sys.executable, "-m", __package__, "--target", name, "--inside", folder]
        command += ["--seconds", str(args.seconds), "--seed", str(args.seed), "--out", out]
        command += [] if args.inputs is None else ["--inputs", str(args.inputs)]
        done = subprocess.run(command, check=False)
        if done.returncode in (0, 1):
            return done.returncode
        with open(os.path.join(folder, "input"), "rb") as file:
            keep(out, name, f"the process died with {done.returncode}", file.read())
    return 1


def keep(out, name, what, data):
    """Write an input that found something to a file."""
    path = os.path.join(out, f"{name}-{hashlib.sha256(data).hexdigest()[:12]}")
    with open(path, "wb") as file:
        file.write(data)
    print(f"FOUND in {name}: {what}\n  python -m tests.fuzz --target {name} --replay {path}")


def inside(args, target):
    """The child: the loop itself, or one input."""
    import gdcore

    from .coverage import Coverage
    from .engine import fuzz, replay
    from .guard import Guard

    faulthandler.enable()
    if args.replay:
        with open(args.replay, "rb") as file, tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "input")
            for data in target.seeds():
                with open(path, "wb") as sound:
                    sound.write(data)
                target.use(target.read(path))
            print(*replay(target, Guard(folder), path, file.read()))
        return 0
    report = fuzz(
        target,
        Guard(args.inside),
        Coverage(os.path.dirname(gdcore.__file__)),
        os.path.join(args.inside, "input"),
        float("inf") if args.inputs is not None else args.seconds,
        args.seed,
        args.inputs,
        lambda r: print(r, flush=True),
    )
    print(report, flush=True)
    for what, data in report.findings.values():
        keep(args.out, target.name, what, data)
    return int(bool(report.findings))


if __name__ == "__main__":
    sys.exit(main())

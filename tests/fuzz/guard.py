"""What a reader may do with a file, whatever is in it: `Guard.read` looks, and says what went wrong.

A reader may give something back, or raise a ValueError or OSError of one line. It may not take more
processor time or memory than the file's size explains, open another file, or load code.
"""

import importlib
import os
import pkgutil
import resource
import signal
import sys
import tracemalloc
import warnings

CPU_SECONDS = 10.0  # of one input, however slow the machine: processor time, not the clock's
SPARE_ADDRESSES = 3 << 30  # bytes of address space beyond what the process has when it begins
REFUSALS = (ValueError, OSError)
CODE = {"exec", "marshal.load", "marshal.loads", "pickle.find_class", "code.__new__", "import"}
BEYOND = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "glob.", "tempfile.", "urllib.")
HARMLESS = {"os.fspath"}
NAMED = (
    *("callbacks", "graph.ops", "initializers", "layers", "losses", "metrics", "optimizers"),
    "schedules",
)


class Finding(Exception):
    """A property that does not hold."""


class _Hang(BaseException):
    """Not an Exception, so that no reader catches it."""


class Guard:
    """Watches one reader.

    Parameters
    ----------
    folder : str
        Where the inputs lie: the only one in which a file may be opened.
    """

    def __init__(self, folder):
        self.folder = os.path.realpath(folder)
        self.watching = False
        self.seen = None
        for part in NAMED:  # what a name in a file imports at its first use
            package = importlib.import_module(f"gdcore.{part}")
            for found in pkgutil.iter_modules(package.__path__, f"gdcore.{part}."):
                importlib.import_module(found.name)
        sys.addaudithook(self._audit)
        signal.signal(signal.SIGPROF, self._stop)

    def limit_memory(self):
        """An allocation far beyond any file of ours becomes a MemoryError, which is a finding."""
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + SPARE_ADDRESSES, resource.RLIM_INFINITY))

    def _audit(self, event, args):
        if not self.watching:
            return
        if event == "open":
            path = args[0]
            if isinstance(path, int) or os.path.dirname(os.path.realpath(path)) == self.folder:
                return
            self.seen = f"opened {path!s}"
        elif event == "code.__new__" and str(args[1]).endswith((".pyx", ".pxi")):
            return  # for a line of Cython's in a traceback
        elif event in CODE or (event.startswith(BEYOND) and event not in HARMLESS):
            self.seen = f"{event} {args!r}"[:200]

    def _stop(self, *_):
        raise _Hang

    def read(self, reader, path, bound=None):
        """What a reader makes of a file: ("accepted", its result) or ("refused", the error).

        Parameters
        ----------
        reader : callable of a path
        path : str
        bound : int or None
            Bytes of memory that it may take at most; None does not measure.

        Raises
        ------
        Finding
            If it does what it must not.
        """
        self.seen = None
        if bound is not None:
            tracemalloc.start()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        self.watching = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                outcome = "accepted", reader(path)
        except REFUSALS as error:
            outcome = "refused", error
        except _Hang:
            raise Finding(f"took more than {CPU_SECONDS} s of processor time") from None
        except Exception as error:
            raise Finding(f"raised {type(error).__name__}: {error}") from error
        finally:
            self.watching = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            peak = tracemalloc.get_traced_memory()[1] if bound is not None else 0
            if bound is not None:
                tracemalloc.stop()
        if self.seen is not None:
            raise Finding(self.seen)
        if bound is not None and peak > bound:
            raise Finding(f"took {peak:,} bytes of memory for a file of {os.path.getsize(path):,}")
        if outcome[0] == "refused":
            text = str(outcome[1])
            if not text or "\n" in text or len(text) > 2000:
                raise Finding(f"refused in other than one line: {text[:300]!r}")
        return outcome

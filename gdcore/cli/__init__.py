"""The command line: `gdcore train`, `predict`, `evaluate` and `info`; also `python -m gdcore`.

Exit codes: 0; 1 for a failure, such as a damaged file; 2 for wrong usage, such as an unknown name;
130 after Ctrl-C. What went wrong is one line on standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gdcore.cli.usage import UsageError
from gdcore.printed import shown

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    SystemExit
        For `--help` and `--version`, and for arguments that cannot be understood.
    """
    from gdcore.cli.parser import make_parser

    words = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser()
    args = parser.parse_args(words)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        _say(f"gdcore {args.command}: interrupted")
        return 130
    except BrokenPipeError:  # `gdcore predict ... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UsageError as error:
        _say(f"gdcore {args.command}: {error}")
        return 2
    except (OSError, ValueError, TypeError, ArithmeticError, ImportError, MemoryError) as error:
        _say(f"gdcore {args.command}: {_one_line(error)}")
        return 1


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _say(line: str) -> None:
    print(shown(line, sys.stderr), file=sys.stderr, flush=True)

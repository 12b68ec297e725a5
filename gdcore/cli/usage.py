"""Arguments as people type them, checked where they are read: one line says how to mend them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

from gdcore.errors import did_you_mean, unknown
from gdcore.printed import shown

T = TypeVar("T")

__all__ = [
    "Parser",
    "UsageError",
    "fraction",
    "listed",
    "name_in",
    "positive_number",
    "whole",
    "widths",
]


class UsageError(Exception):
    """An argument is wrong: exit code 2."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and guess at what was meant."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings
        )

    def error(self, message: str) -> NoReturn:
        line = f"{self.prog}: {message.removeprefix('argument ')} (see {self.prog} --help)"
        print(shown(line, sys.stderr), file=sys.stderr)
        sys.exit(2)

    def _parse_optional(self, arg_string: str) -> Any:
        # argparse takes "-999,n/a" for an option
        if arg_string[:1] == "-" and arg_string[1:2].isdigit():
            return None
        return super()._parse_optional(arg_string)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = list(args or [])
        if words and not words[0].startswith("-") and words[0] not in self.commands:
            self.error(str(unknown("command", words[0], self.commands)))
        found, extra = self.parse_known_args(words, namespace)
        if extra:
            chosen = self.commands.get(getattr(found, "command", None) or "", self)
            option = extra[0].partition("=")[0]
            hint = (
                did_you_mean(option, chosen._option_string_actions)
                if option.startswith("-")
                else ""
            )
            kind = "unknown option" if option.startswith("-") else "one argument too many:"
            chosen.error(f"{kind} {option!r}{hint}")
        return found

    @property
    def commands(self) -> dict[str, Parser]:
        """The parsers of the commands by name."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return dict(action.choices)
        return {}


def name_in(kind: str, known: Iterable[str]) -> Callable[[str], str]:
    """One of the known names."""
    words = list(known)

    def check(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(str(unknown(kind, text, words)))
        return text

    return check


def whole(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    """A whole number within bounds."""

    def check(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            bounds = (
                f"from {low} to {high}"
                if high < 2**31 - 1 or high >= 2**63
                else f"of at least {low}"
            )
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number {bounds}")
        return value

    return check


def positive_number(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number above 0, such as 0.001")
    return value


def fraction(text: str) -> float:
    """A share: at least 0 and below 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected at least 0 and below 1, such as 0.2"
        )
    return value


def widths(text: str) -> list[int]:
    """Sizes of layers, with commas between them."""
    out = []
    for part in text.replace(" ", "").split(","):
        if not part.isdecimal() or not 1 <= int(part) <= 1_000_000:
            if text in ("", "none", "0"):
                return []
            raise argparse.ArgumentTypeError(
                f"got {text!r}, expected sizes of layers such as 256,128, or none"
            )
        out.append(int(part))
    return out


def listed(kind: str, check: Callable[[str], T]) -> Callable[[str], list[T]]:
    """Names or numbers with commas between them."""

    def read(text: str) -> list[T]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise argparse.ArgumentTypeError(
                f"got {text!r}, expected {kind}s with commas between them"
            )
        return [check(part) for part in parts]

    return read

"""What is fuzzed: a reader of files, sound files to begin with, and how to change them sensibly."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

INFLATION = 1032  # what deflate can make of a byte at most
SPARE = 4 << 20  # bytes that any read may take


@dataclass
class Target:
    """A reader of files.

    Attributes
    ----------
    read : callable of a path
    seeds : callable, the sound files
    mutate : callable (rng, one input, another) giving the next
    use : what is done with an accepted file; it may refuse in one line as well
    factor : bytes of memory for each byte of the file, beyond a spare amount
    longest : bytes of an input
    """

    name: str
    read: Callable
    seeds: Callable
    mutate: Callable
    use: Callable = lambda result: None
    factor: int = 16
    longest: int = 1 << 16

    def bound(self, data):
        return self.factor * len(data) + SPARE


def files(write, *arguments, suffix="npz"):
    """The bytes that functions write to a path."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for i, argument in enumerate(arguments):
            path = os.path.join(folder, f"{i}.{suffix}")
            write(argument, path)
            with open(path, "rb") as file:
                out.append(file.read())
    return out

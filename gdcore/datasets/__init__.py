"""Data to train on: one set that comes along, and readers of files that you have.

Nothing is downloaded. A reader trusts nothing in a file: sizes are checked against one another
before memory is taken, and nothing is ever unpickled.
"""

from gdcore.datasets.cifar_files import cifar10, cifar100
from gdcore.datasets.handwritten import digits
from gdcore.datasets.idx_files import idx, idx_folder, mnist
from gdcore.datasets.npz_files import npz
from gdcore.datasets.ts_files import ts

__all__ = ["cifar10", "cifar100", "digits", "idx", "idx_folder", "mnist", "npz", "ts"]

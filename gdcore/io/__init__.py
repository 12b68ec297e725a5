"""Reading and writing files.

`safetensors` holds `save` and `load` for weights; `write_atomically` replaces a file as a whole
or not at all; `FileFormatError` is what a reader raises for a file that it refuses.
"""

from gdcore.io import safetensors
from gdcore.io.atomic import write_atomically
from gdcore.io.safetensors import FileFormatError

__all__ = ["FileFormatError", "safetensors", "write_atomically"]

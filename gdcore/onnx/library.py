"""The onnx package, imported when it is first needed, and the versions of the format that are supported."""

from __future__ import annotations

import importlib
from typing import Any

from gdcore.errors import missing

OPSET = 20  # what `save` writes: the first with Gelu; runtimes of 2024 and later read it
IR_VERSION = 9  # the file format that goes with it
KNOWN_LATER = {
    "DepthToSpace": 28,
    "Einsum": 28,
    "SpaceToDepth": 28,
}  # and of some operators later versions
OPSET_KNOWN = 26  # the last whose operators `load` knows; of later ones it reads what is the same


def require_onnx() -> Any:
    """The onnx package.

    Raises
    ------
    ImportError
        One line that says what to install, if it cannot be imported.
    """
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise missing("ONNX files need onnx", "onnx", error) from None

"""Which lines of the package an input reaches for the first time.

Every line counts once: with `sys.monitoring` (Python 3.12) a line is switched off when it was seen,
and before that a function is no longer traced when all of its lines were. So watching costs little
once most is known.
"""

import sys

TOOL = 4  # of sys.monitoring


def _lines(code):
    return {line for _, _, line in code.co_lines() if line is not None}


class Coverage:
    """Counts lines of files below a folder.

    Parameters
    ----------
    folder : str
    """

    def __init__(self, folder):
        self.folder = folder
        self.found = 0
        self._left = {}
        self._monitoring = getattr(sys, "monitoring", None)
        if self._monitoring is not None:
            self._monitoring.use_tool_id(TOOL, "gdcore-fuzz")
            self._monitoring.register_callback(TOOL, self._monitoring.events.LINE, self._seen)

    def _seen(self, code, line):
        if code.co_filename.startswith(self.folder):
            self.found += 1
        return self._monitoring.DISABLE

    def _call(self, frame, event, arg):
        code = frame.f_code
        left = self._left.get(code)
        if left is None:
            ours = code.co_filename.startswith(self.folder)
            left = self._left[code] = _lines(code) if ours else set()
        return self._line if left else None

    def _line(self, frame, event, arg):
        if event == "line":
            left = self._left[frame.f_code]
            if frame.f_lineno in left:
                left.discard(frame.f_lineno)
                self.found += 1
        return self._line

    def __enter__(self):
        if self._monitoring is not None:
            self._monitoring.set_events(TOOL, self._monitoring.events.LINE)
        else:
            sys.settrace(self._call)
        return self

    def __exit__(self, *_):
        if self._monitoring is not None:
            self._monitoring.set_events(TOOL, 0)
        else:
            sys.settrace(None)

    def close(self):
        """Give the tool's number back."""
        if self._monitoring is not None:
            self._monitoring.free_tool_id(TOOL)

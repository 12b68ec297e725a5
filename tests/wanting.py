"""What was skipped for want of a library is noted, and `pytest --wanting` runs that alone.

So that, once the libraries are installed, nothing runs twice: first `pytest`, in an environment that
has what a base install has; then ``pip install '.[test-all]'`` and ``pytest --wanting``.
"""

import re

SAYS = re.compile(r"could not import |is not installed|page needs |gdcore\[")
NOTE = "gdcore/wanting"  # in pytest's cache


def pytest_addoption(parser):
    parser.addoption(
        "--wanting",
        action="store_true",
        help="only what earlier runs skipped for want of a library",
    )


def pytest_configure(config):
    # With pytest-xdist it is the process that gives out the tests that hears of all of them.
    noting = not config.getoption("--wanting") and not hasattr(config, "workerinput")
    if noting and getattr(config, "cache", None) is not None:
        config.pluginmanager.register(Noted(config.cache))


class Noted:
    """Notes what ran and what was skipped: tests, and whole files that could not be collected."""

    def __init__(self, cache):
        self.cache, self.ran, self.wanting = cache, set(), set()

    def pytest_runtest_logreport(self, report):
        self.ran.add(report.nodeid.split("::")[0])  # its file was collected
        self.note(report)

    def pytest_collectreport(self, report):
        self.note(report)

    def note(self, report):
        self.ran.add(report.nodeid)
        if isinstance(report.longrepr, tuple) and SAYS.search(str(report.longrepr[2])):
            self.wanting.add(report.nodeid)

    def pytest_sessionfinish(self):
        before = set(self.cache.get(NOTE, []))
        self.cache.set(NOTE, sorted((before - self.ran) | self.wanting))


def pytest_collection_modifyitems(config, items):
    if config.getoption("--wanting"):
        wanting = set(config.cache.get(NOTE, []))
        chosen = {i for i in items if any(part.nodeid in wanting for part in i.listchain())}
        config.hook.pytest_deselected(items=[i for i in items if i not in chosen])
        items[:] = [i for i in items if i in chosen]

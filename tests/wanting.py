"""What was skipped for want of a library is noted, and `pytest --wanting` runs that alone.

So that, once the libraries are installed, nothing runs twice: first `pytest`, in an environment that
has what a base install has; then ``pip install '.[test-all]'`` and ``pytest --wanting``.
"""

import re

import pytest

SAYS = re.compile(r"could not import |is not installed|page needs |gdcore\[")
NOTE = "gdcore/wanting"  # in pytest's cache
RAN, WANTING = pytest.StashKey[set[str]](), pytest.StashKey[set[str]]()


def pytest_addoption(parser):
    parser.addoption(
        "--wanting",
        action="store_true",
        help="only what earlier runs skipped for want of a library",
    )


def pytest_configure(config):
    config.stash[RAN], config.stash[WANTING] = set(), set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _noted(item.config, (yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _noted(collector.config, (yield))


def _noted(config, report):
    """A test, or a whole file, that ran or was skipped."""
    config.stash[RAN].add(report.nodeid)
    if isinstance(report.longrepr, tuple) and SAYS.search(str(report.longrepr[2])):
        config.stash[WANTING].add(report.nodeid)
    return report


def pytest_sessionfinish(session):
    config = session.config
    if config.getoption("--wanting") or getattr(config, "cache", None) is None:
        return
    before = set(config.cache.get(NOTE, []))
    config.cache.set(NOTE, sorted((before - config.stash[RAN]) | config.stash[WANTING]))


def pytest_collection_modifyitems(config, items):
    if config.getoption("--wanting"):
        wanting = set(config.cache.get(NOTE, []))
        chosen = {i for i in items if any(part.nodeid in wanting for part in i.listchain())}
        config.hook.pytest_deselected(items=[i for i in items if i not in chosen])
        items[:] = [i for i in items if i in chosen]

"""Doctests of modules (`pytest --doctest-modules gdcore`): an example that asks for an optional library
which is not installed is left out, and says which extra brings it."""

import doctest

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except doctest.UnexpectedException as failed:
        error = failed.exc_info[1]
        if isinstance(error, ImportError) and "gdcore[" in str(error):
            pytest.skip(str(error))
        raise

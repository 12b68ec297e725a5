"""Methods that exist conditionally, and a check of what subclasses of scikit-learn's estimators override."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any


class _There:
    """Descriptor of a method that exists only while a check raises nothing.

    As scikit-learn's `available_if`, whose message says only that there is no such attribute: here
    it is the check's own, which says why.
    """

    def __init__(self, function: Callable[..., Any], check: Callable[[Any], None]) -> None:
        self.function, self.check = function, check
        functools.update_wrapper(self, function)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:  # accessed on the class

            @functools.wraps(self.function)
            def unbound(estimator: Any, *args: Any, **options: Any) -> Any:
                self.check(estimator)
                return self.function(estimator, *args, **options)

            return unbound
        self.check(instance)
        return MethodType(self.function, instance)


def there_if(check: Callable[[Any], None]) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: the method is there unless a check of the estimator raises AttributeError."""
    return lambda function: _There(function, check)


def check_overrides(cls: type) -> None:
    """Raises TypeError if a subclass overrides a method of scikit-learn's that is never called here."""
    import sklearn.neural_network as theirs

    own = next(c for c in cls.__mro__ if c.__module__ == "gdcore.estimators.mlp")
    if own is cls:
        return
    twin = getattr(theirs, own.__name__)
    methods = {
        name
        for c in twin.__mro__
        if c.__module__.startswith(theirs.__name__)
        for name, value in vars(c).items()
        if isinstance(value, FunctionType) and name.startswith("_") and not name.endswith("__")
    }
    for name in sorted(methods):
        if hasattr(cls, name) and not hasattr(own, name):
            raise TypeError(
                f"{cls.__name__} overrides {name} of scikit-learn's {own.__name__}, which gdcore's "
                "never calls, so that it would do nothing: use _init_coef for first weights, "
                "loss= or optimizer= for training, or give the method another name"
            )

"""The base classes of callbacks, with their hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.errors import listed
from gdcore.signatures import Constructed

if TYPE_CHECKING:
    from gdcore.data.dataset import Data

Logs = dict[str, Any]


class Callback(metaclass=Constructed):
    """Base class of callbacks: override what you need.

    Attributes
    ----------
    model : gd.Model
        Set before training begins. Setting ``model.stop_training = True`` ends it after the epoch,
        or after the batch if `on_batch_end` set it.

    Notes
    -----
    A callback that overrides `on_batch_end` costs one call into C for each step, instead of one for
    many.

    Examples
    --------
    Stop as soon as the loss is low enough:

    >>> import gdcore as gd
    >>> class GoodEnough(gd.Callback):
    ...     def on_epoch_end(self, epoch, logs):
    ...         if logs["loss"] < 0.5:
    ...             self.model.stop_training = True
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
    >>> _ = model.compile(gd.Adam(1e-2), "cross_entropy")
    >>> history = model.fit(x, y, epochs=50, callbacks=[GoodEnough()], seed=0)
    >>> len(history["loss"]) < 50
    True

    Every hook, in the order in which they are called:

    >>> class Trace(gd.Callback):
    ...     def on_data(self, data):
    ...         print("data", data.inputs[0].shape)
    ...     def on_train_begin(self, logs):
    ...         print("training begins")
    ...     def on_epoch_begin(self, epoch, logs):
    ...         print("epoch", epoch)
    ...     def on_batch_end(self, batch, logs):
    ...         print("batch", batch, sorted(logs))
    ...     def on_epoch_end(self, epoch, logs):
    ...         print("epoch ends", sorted(logs))
    ...     def on_train_end(self, logs):
    ...         print("training ends")
    ...     def state_dict(self):
    ...         return {"anything": "that a resumed run must know"}
    ...     def load_state_dict(self, state):
    ...         print("goes on from", state)
    >>> _ = model.fit(x, y, batch_size=1000, callbacks=[Trace()], seed=0)
    data (1442, 64)
    training begins
    epoch 0
    batch 0 ['loss']
    batch 1 ['loss']
    epoch ends ['loss', 'lr']
    training ends
    """

    model: Any

    def on_data(self, data: Data) -> None:
        """Called before training begins, with the validated training data.

        A reference that is kept keeps the data in memory.

        Parameters
        ----------
        data : Data
            `inputs`, `targets` and `weights`, as arrays.
        """

    def on_train_begin(self, logs: Logs) -> None:
        """Before the first epoch.

        Parameters
        ----------
        logs : dict
            Empty so far.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Before each epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        logs : dict
            Empty so far.
        """

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """After each step.

        Parameters
        ----------
        batch : int
            Counted from 0 in each epoch.
        logs : dict
            The step's "loss".
        """

    def on_gradients(self, gradients: np.ndarray) -> None:
        """Called within each step once all gradients are computed; may change them in place.

        The check that they are finite, clipping and the update follow, and use the changed gradients: this is
        the place to exchange gradients with other processes. It costs a call from C into Python in each step.

        Parameters
        ----------
        gradients : ndarray of shape (n,)
            The gradients of all trained parameters, one after another, each padded to whole cache lines.
            The array is valid until the callback returns.

        Examples
        --------
        >>> import gdcore as gd
        >>> class Halve(gd.Callback):
        ...     def on_gradients(self, gradients):
        ...         gradients *= 0.5
        >>> model = gd.Sequential([gd.Dense(1, kernel_initializer="ones")]).compile("sgd", "mse")
        >>> _ = model.fit([[1.0]], [0.0], callbacks=[Halve()], seed=0)
        >>> model.get_weights()[0].round(4)
        array([[0.99]], dtype=float32)
        """

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After each epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        logs : dict
            All of its numbers by name: "loss", the metrics, the same with "val_" before it, "lr".
        """

    def on_train_end(self, logs: Logs) -> None:
        """After the last epoch.

        Parameters
        ----------
        logs : dict
            The last epoch's numbers.
        """

    def state_dict(self) -> dict[str, Any]:
        """The state of this callback, which is saved in checkpoints and restored when a run resumes.

        Returns
        -------
        dict
            Of numbers, text, None, arrays, and lists, tuples and dicts of them.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`; called after `on_train_begin`, which may have reset the callback.

        Parameters
        ----------
        state : mapping

        Raises
        ------
        ValueError
            If it is of another kind.
        """


class Saver(Callback):
    """Base class of callbacks that save the state of training; `gd.Checkpoint` is one.

    Attributes
    ----------
    every_steps : int or None
        `save_point` is called after every step whose number is a multiple of this.

    Examples
    --------
    >>> import gdcore as gd
    >>> from gdcore.callbacks import Saver
    >>> class Told(Saver):
    ...     def begin(self, resumed):
    ...         print("goes on" if resumed else "begins")
    ...     def save_point(self, state, logs, last):
    ...         print("epoch", state()["epoch"], "the last" if last else "more to come")
    >>> model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    >>> _ = model.fit([[0.0]], [0.0], epochs=2, callbacks=[Told()], seed=0)
    begins
    epoch 1 more to come
    epoch 2 the last
    """

    every_steps: int | None = None

    def begin(self, resumed: bool) -> None:
        """Called when training begins, after the states of all callbacks have been restored.

        Parameters
        ----------
        resumed : bool
        """

    def save_point(
        self, state: Callable[[], dict[str, Any]], logs: Logs | None, last: bool
    ) -> None:
        """Called where the state of training is consistent, so that a saved state can be resumed.

        That is between calls into C, and after each epoch, after all other callbacks.

        Parameters
        ----------
        state : callable
            Returns the state of `fit`.
        logs : dict or None
            The numbers of the epoch that has just ended; None in the middle of one.
        last : bool
            Whether it was the last epoch.
        """


class LambdaCallback(Callback):
    """A callback made of functions; the first argument is called after every epoch as ``function(epoch, logs)``.

    Parameters
    ----------
    function : callable, optional
        Another name of `on_epoch_end`.
    on_epoch_begin, on_epoch_end, on_batch_end, on_train_begin, on_train_end : callable, optional
        What is called instead of the method of that name, with the same arguments.

    Raises
    ------
    TypeError
        If one is no function, or `function` and `on_epoch_end` are both given.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Dense(1, kernel_initializer="zeros")]).compile("sgd", "mse")
    >>> show = gd.LambdaCallback(lambda epoch, logs: print(epoch, round(logs["loss"], 3)))
    >>> _ = model.fit([[1.0]], [1.0], epochs=2, callbacks=[show], seed=0)
    0 1.0
    1 0.922
    """

    def __init__(
        self,
        function: Any = None,
        *,
        on_epoch_begin: Any = None,
        on_epoch_end: Any = None,
        on_batch_end: Any = None,
        on_train_begin: Any = None,
        on_train_end: Any = None,
    ) -> None:
        if function is not None and on_epoch_end is not None:
            raise TypeError("LambdaCallback got function and on_epoch_end, which are one: pass one")
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": function if on_epoch_end is None else on_epoch_end,
            "on_batch_end": on_batch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
        }
        for name, hook in hooks.items():
            if hook is not None and not callable(hook):
                raise TypeError(f"LambdaCallback {name}={hook!r}: expected a function")
            if hook is not None:
                setattr(self, name, hook)


def wants_gradients(callback: Callback) -> bool:
    """Whether a callback must be called within every step."""
    return getattr(callback.on_gradients, "__func__", None) is not Callback.on_gradients


def wants_batches(callback: Callback) -> bool:
    """Whether a callback must be called after every step."""
    return getattr(callback.on_batch_end, "__func__", None) is not Callback.on_batch_end


def wrong_state(callback: Callback, state: Mapping[str, Any], expected: str) -> ValueError:
    """The error (not raised) for a `load_state_dict` that was given the state of something else."""
    return ValueError(
        f"{type(callback).__name__}.load_state_dict got {listed(state) or 'nothing'}: "
        f"expected {expected}, as its state_dict() gave them"
    )

"""What `bench.tabular` compares: gdcore's models, and its peers as their authors run them.

A method takes features and answers of training rows, features of others, the task and a seed, and gives
what it says of the others: probabilities, a column for each class, or quantities. All of them run on
as many threads as `run` is told.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Method = Callable[[Any, np.ndarray, Any, str, int, int], np.ndarray]


@dataclass(frozen=True)
class Entry:
    """A method.

    Attributes
    ----------
    run : takes (x, y, new, task, seed, threads)
    needs : what has to be installed
    most : rows of a table above which it is left out
    boosting : whether it is one of those that the errors are divided by
    """

    run: Method
    needs: str | None = None
    most: float = float("inf")
    boosting: bool = False

    @property
    def there(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs is None or importlib.util.find_spec(self.needs) is not None


def _ours(**settings: Any) -> Method:
    def run(x: Any, y: Any, new: Any, task: str, seed: int, threads: int) -> np.ndarray:
        import gdcore as gd

        gd.set_num_threads(threads)
        kind = "regression" if task == "regression" else "classification"
        table = x.assign(answer=y)
        model = gd.tabular.TableModel(task=kind, seed=seed, **settings)
        with warnings.catch_warnings(action="ignore", category=gd.tabular.TableWarning):
            model.fit(table, "answer", verbose=0)
            ask = model.predict if kind == "regression" else model.predict_proba
            return np.asarray(ask(new))

    return run


def _histograms(x: Any, y: Any, new: Any, task: str, seed: int, threads: int) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    with threadpool_limits(threads):
        return _said(kind(random_state=seed).fit(x, y), new, task)


# LGBM_TD_CLASS and LGBM_TD_REG of pytabkit 1.7, pytabkit/models/sklearn/default_params.py (Holzmüller
# et al. 2024): tuned on a benchmark of their own; lr, subsample and colsample_bytree are LightGBM's
# learning_rate, bagging_fraction and feature_fraction.
TUNED: dict[str, dict[str, Any]] = {
    "classification": {
        "n_estimators": 1000, "learning_rate": 0.04, "bagging_fraction": 0.75, "bagging_freq": 1,
        "feature_fraction": 1.0, "num_leaves": 50, "min_data_in_leaf": 40,
        "min_sum_hessian_in_leaf": 1e-7, "max_bin": 255,
    },
    "regression": {
        "n_estimators": 1000, "learning_rate": 0.05, "bagging_fraction": 0.7, "bagging_freq": 1,
        "feature_fraction": 1.0, "num_leaves": 100, "min_data_in_leaf": 3,
        "min_sum_hessian_in_leaf": 1e-7, "max_bin": 255,
    },
}  # fmt: skip
STOPPING = 300  # early_stopping_rounds of the same


def _lightgbm(x: Any, y: Any, new: Any, task: str, seed: int, threads: int) -> np.ndarray:
    """Tuned defaults, stopped by the loss on a fifth of the rows, as pytabkit sets apart."""
    import lightgbm as lgb

    from gdcore.tabular.splits import hold_out

    kind = "regression" if task == "regression" else "classification"
    made = (lgb.LGBMRegressor if kind == "regression" else lgb.LGBMClassifier)(
        random_state=seed, n_jobs=threads, verbose=-1, **TUNED[kind]
    )
    apart = hold_out(y, 0.2, seed, kind == "classification")
    made.fit(
        x[~apart], y[~apart], eval_set=[(x[apart], y[apart])],
        callbacks=[lgb.early_stopping(STOPPING, verbose=False)],
    )  # fmt: skip
    return _said(made, new, task)


def _pytabkit(name: str) -> Method:
    def run(x: Any, y: Any, new: Any, task: str, seed: int, threads: int) -> np.ndarray:
        import pytabkit

        kind = "Regressor" if task == "regression" else "Classifier"
        made = getattr(pytabkit, f"{name}_{kind}")(
            device="cpu", random_state=seed, n_threads=threads
        )
        return _said(made.fit(x, y), new, task)

    return run


def _mlp(**settings: Any) -> Method:
    """What a careful user of scikit-learn's MLP writes."""

    def run(x: Any, y: Any, new: Any, task: str, seed: int, threads: int) -> np.ndarray:
        from sklearn.compose import (
            ColumnTransformer,
            TransformedTargetRegressor,
            make_column_selector,
        )
        from sklearn.impute import SimpleImputer
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler
        from threadpoolctl import threadpool_limits

        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        words = make_pipeline(
            SimpleImputer(strategy="most_frequent"),
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        )
        columns = ColumnTransformer(
            [
                ("numbers", numbers, make_column_selector(dtype_include="number")),
                ("words", words, make_column_selector(dtype_exclude="number")),
            ]
        )
        told: dict[str, Any] = {"hidden_layer_sizes": (128, 64), "random_state": seed, **settings}
        if task == "regression":
            network: Any = TransformedTargetRegressor(
                MLPRegressor(**told), transformer=StandardScaler()
            )
        else:
            network = MLPClassifier(**told)
        with threadpool_limits(threads):
            return _said(make_pipeline(columns, network).fit(x, y), new, task)

    return run


def _said(model: Any, new: Any, task: str) -> np.ndarray:
    return np.asarray(model.predict(new) if task == "regression" else model.predict_proba(new))


OURS = {
    "gdcore": Entry(_ours()),
    "gdcore mlp": Entry(_ours(model="mlp")),
    "gdcore mlp-ple": Entry(_ours(model="mlp-ple")),
    "gdcore realmlp": Entry(_ours(model="realmlp")),
    "gdcore tabm": Entry(_ours(model="tabm"), most=10_000),
}
PEERS = {
    "HistGradientBoosting": Entry(_histograms, "sklearn", boosting=True),
    "LightGBM": Entry(_lightgbm, "lightgbm", boosting=True),
    "RealMLP": Entry(_pytabkit("RealMLP_TD"), "pytabkit"),
    "TabM": Entry(_pytabkit("TabM_D"), "pytabkit", most=10_000),
    "MLP": Entry(_mlp(), "sklearn"),
    "MLP early stopping": Entry(_mlp(early_stopping=True), "sklearn"),
}
METHODS = OURS | PEERS

"""MLflow tracking."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Mapping
from typing import Any

from gdcore.callbacks import Callback, Logs, wrong_state
from gdcore.engine.engine import engine_of
from gdcore.errors import missing
from gdcore.loggers.files import scalars


class MLflowLogger(Callback):
    """Writes a training run to MLflow: its settings, the numbers of every epoch, the model.

    Parameters
    ----------
    experiment : str
        Made if there is none of that name.
    run_name : str, optional
    params : mapping, optional
        Settings to write down besides the optimizer's and the network's size.
    tracking_uri : str, optional
        Where MLflow's server or folder is, if it is not where MLflow is set to.
    log_model : bool
        Put the model's file among the run's artifacts at the end of training.

    Attributes
    ----------
    run_id : str or None

    Raises
    ------
    ImportError
        If MLflow is not installed; or only its small part, `mlflow-skinny`, which has no data base.

    Notes
    -----
    A run that is resumed from a checkpoint goes on under the same id. No active run of MLflow's own
    is begun or ended: several models can be tracked at once.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    >>> logger = gd.MLflowLogger("line", params={"of": 1}, tracking_uri="sqlite:///runs.db")
    >>> _ = model.fit([[0.0]], [0.0], callbacks=[logger])
    >>> logger.client.get_run(logger.run_id).data.metrics["loss"]
    0.0
    """

    def __init__(
        self,
        experiment: str = "gdcore",
        run_name: str | None = None,
        params: Mapping[str, Any] | None = None,
        tracking_uri: str | None = None,
        log_model: bool = False,
    ) -> None:
        try:
            from mlflow import MlflowException
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise missing("MLflowLogger needs MLflow", "mlflow", error) from None
        try:
            self.client = MlflowClient(tracking_uri=tracking_uri)
        except MlflowException:
            # mlflow-skinny speaks of a "registry" then
            if importlib.util.find_spec("sqlalchemy") is None and _in_database(tracking_uri):
                raise missing(
                    "MLflow keeps runs in a data base only if all of it is installed", "mlflow"
                ) from None
            raise
        self.experiment, self.run_name = experiment, run_name
        self.params = dict(params or {})
        self.log_model = log_model
        self.run_id: str | None = None
        # Epochs after the checkpoint that a resumed run had written: MLflow would keep both.
        self._written: set[tuple[str, int]] = set()

    def on_train_begin(self, logs: Logs) -> None:
        self.run_id, self._written = None, set()

    def state_dict(self) -> dict[str, Any]:
        return {"run_id": self.run_id}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        run_id = state.get("run_id")
        if not isinstance(run_id, str | None):
            raise wrong_state(self, state, "the id of its run")
        self.run_id = run_id
        if run_id is not None:
            self.client.update_run(run_id, status="RUNNING")
            self._written = {
                (key, metric.step)
                for key in self.client.get_run(run_id).data.metrics
                for metric in self.client.get_metric_history(run_id, key)
            }

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        run_id = self._run()
        for key, value in scalars(logs).items():
            if (key, epoch) not in self._written:
                self.client.log_metric(run_id, key, value, step=epoch)

    def on_train_end(self, logs: Logs) -> None:
        run_id = self._run()
        if self.log_model:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "model.safetensors")
                self.model.save(path)
                self.client.log_artifact(run_id, path)
        self.client.set_terminated(run_id)

    def _run(self) -> str:
        """The run's id; it is made when there is something to write."""
        if self.run_id is None:
            known = self.client.get_experiment_by_name(self.experiment)
            experiment = (
                known.experiment_id if known else self.client.create_experiment(self.experiment)
            )
            run = self.client.create_run(experiment, run_name=self.run_name)
            self.run_id = str(run.info.run_id)
            for key, value in self._settings().items():
                self.client.log_param(self.run_id, key, value)
        return self.run_id

    def _settings(self) -> dict[str, Any]:
        optimizer = self.model.optimizer
        try:
            described = optimizer.config()
        except TypeError:  # a schedule of one's own
            described = {"lr": type(optimizer.lr).__name__}
        return {
            "optimizer": optimizer.name or type(optimizer).__name__,
            **{k: v for k, v in described.items() if k not in ("name", "groups")},
            "loss": ", ".join(str(f.config()["name"]) for f in self.model.losses),
            "parameters": sum(
                p.size for p in engine_of(self.model).parameters().network.parameters
            ),
            **self.params,
        }


def _in_database(tracking_uri: str | None) -> bool:
    """Whether MLflow is to keep its runs in a data base, not in a folder or on a server."""
    import mlflow

    scheme = (tracking_uri or mlflow.get_tracking_uri()).partition(":")[0].partition("+")[0]
    return scheme in ("sqlite", "postgresql", "mysql", "mssql")

"""The `Session` protocol: what training and evaluation ask of a model in either graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Callable, Protocol

import numpy as np

from engine.data.sources import ModelSource, Source
from engine.system.clock import Clock

Arrays = Mapping[str, np.ndarray]
Batches = Iterator[tuple[Any, int]]  # a batch as the model takes it, and its number of rows


class Session(Protocol):
    """One model, built for training or for evaluation.

    `DygraphSession`, `StaticSession`, `FleetSession` (several processes) and `TrainerSession`
    (parameter servers) implement it. In a training loop the calls are, in this order:
    ``start_epoch``, ``batches``, then ``train_step`` for each batch, and ``metrics``.

    Attributes:
        prefix: the prefix of the session's checkpoint files, ``rec`` or ``rec_static``.
        export: writes an exported model into a checkpoint's folder; None if none is wanted.
        skipped: steps skipped in this epoch because their loss was not finite.
        metric_names: the metrics' names; empty if a program's fetches are the metrics.
        metric_objects: the metrics themselves, in the same order.
        shows_last_batch: whether an epoch's line also shows values of its last batch.
        has_schedule: whether the model's own optimizer has a learning-rate schedule.
    """

    prefix: str
    export: Callable[[str], None] | None
    skipped: int
    metric_names: list[str]
    shows_last_batch: bool

    @property
    def metric_objects(self) -> list:
        """The metrics themselves."""

    @property
    def has_schedule(self) -> bool:
        """Whether the model's own optimizer has a learning-rate schedule."""

    # An epoch, step by step.

    def start_epoch(self, training: bool) -> None:
        """Resets the metrics and switches the net to training or evaluation."""

    def batches(self, source: Source | ModelSource, epoch: int) -> Batches:
        """Yields an epoch's batches. A batch is None if this process has no rows to evaluate."""

    def train_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        """Takes one optimizer step and returns the values that the model wants to show.

        Raises:
            NotFinite: the loss is NaN or infinite, and ``runner.on_nan`` is ``stop``.
        """

    def check_pending_losses(self) -> None:
        """Checks losses that were collected on a GPU and not yet read.

        Raises:
            NotFinite: one of them is NaN or infinite.
        """

    def infer_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        """Adds a batch to the metrics and returns the values that the model wants to show."""

    def metrics(self) -> dict[str, Any]:
        """Returns the metrics of the epoch so far, by name."""

    def mean_over_processes(self, shown: dict[str, Any]) -> dict[str, Any]:
        """Returns a step's shown values as their mean over the rows of all processes."""

    # Predictions.

    def predict(self, batch: Any) -> dict[str, np.ndarray]:
        """Returns each task's predictions for a batch, ``[rows]`` each."""

    def labels(self, batch: Any) -> dict[str, np.ndarray]:
        """Returns each task's labels, ``[rows]`` each.

        A class number is negative, and another number NaN, where a row does not count.
        """

    def weights(self, batch: Any) -> dict[str, np.ndarray] | None:
        """Returns each task's sample weights, ``[rows]`` each; None if none are declared."""

    def task_facts(self) -> list[dict[str, Any]] | None:
        """Returns each task's ``name``, ``type``, ``classes`` (names), ``class_num`` and ``rows``.

        It is None for a folder written for PaddleRec.
        """

    def gate_weights(
        self, source: Source | ModelSource, batches: int | None = 1
    ) -> dict[str, np.ndarray] | None:
        """Returns each task's mean weights over the experts, ``[experts]``; None without gates.

        Args:
            source: the batches.
            batches: the number of batches to average over; None for all.
        """

    def gate_names(self) -> list[str] | None:
        """Returns the experts' names; None if they only have numbers."""

    # Parameters and the optimizer.

    def network(self) -> Any:
        """Returns the net; None if a model in PaddleRec's form does not offer it."""

    def learning_rate(self) -> float:
        """Returns the optimizer's current learning rate; NaN without an optimizer."""

    def set_learning_rate(self, rate: float) -> None:
        """Sets the optimizer's learning rate from the next step on."""

    def fit_inputs(self, source: Source | ModelSource) -> None:
        """Sets the parameters that are computed from the training data, such as means."""

    def synchronise(self) -> None:
        """Copies the parameters of rank 0 to all processes."""

    def parameters(self) -> dict[str, np.ndarray]:
        """Returns the parameters by name."""

    def evaluation_parameters(self) -> dict[str, np.ndarray]:
        """Returns the parameters to evaluate: their moving averages where there are any."""

    def load(self, arrays: Arrays, prefix: str) -> None:
        """Sets parameters by the names that checkpoints ``<prefix>.pdparams`` use."""

    def shapes(self, prefix: str = ...) -> dict[str, tuple]:
        """Returns the parameters' shapes by the names that checkpoints of ``prefix`` use."""

    def select_parameters(self, saved: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        """Returns those of a checkpoint's parameters that this session needs."""

    def moves(
        self,
        recorded: Mapping[str, Any],
        record: Mapping[str, Any],
        shapes: Mapping[str, tuple],
        reset: Mapping[str, np.ndarray],
        prefix: str,
    ) -> dict[str, tuple[str, str, Any]]:
        """Returns how a checkpoint's parameters move into a net of other sizes, by name.

        Each entry is the parameter's name in `parameters`, that of its variable, and the move;
        see `engine.checkpoints.growing`. Parameters that stay as they are have none.

        Args:
            recorded: the checkpoint's record of its model.
            record: the record of the session's.
            shapes: the shapes of the checkpoint's parameters.
            reset: the ids of embedding tables that start afresh, by field.
            prefix: whose names the checkpoint's parameters have.
        """

    def embeddings(self, prefix: str) -> set[str]:
        """Returns the names of the embedding tables."""

    def from_paddlerec(self, saved: Mapping[str, Any]) -> dict[str, Any] | None:
        """Returns the net's parameters from PaddleRec's; None if they are not PaddleRec's."""

    # Checkpoints.

    def state(self) -> dict[str, Any]:
        """Returns the content of a checkpoint, by file ending."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores parameters and the optimizer from a checkpoint's content."""

"""`DygraphSession`: the session of a model folder's DygraphModel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np
import paddle
from paddle.utils import unique_name

from engine.checkpoints import formats
from engine.config.config import Config
from engine.data.sources import Source
from engine.graphs import finite_check, moving_averages
from engine.graphs.batch_lists import Batches, batch_lists
from engine.graphs.gate_weights import mean_over_rows
from engine.graphs.task_queries import TaskQueries
from engine.model_folder import loading, seeds, sparse_gradients
from engine.system import device
from engine.system.clock import Clock


class DygraphSession(TaskQueries):
    """Trains or evaluates the DygraphModel of a configuration's folder."""

    prefix = "rec"
    export = None  # dygraph checkpoints are exported by tools/to_static.py

    def __init__(self, config: Config):
        paddle.disable_static()
        self._device = device.select_device(config.runner("use_gpu"))
        self._on_nan = config.runner("on_nan")
        self._config = config
        self._settings = loading.settings(config)
        self.shows_last_batch = loading.written_for_paddlerec(config)
        seeds.before_building(config)
        self._contract = loading.dygraph_model(config)
        # The guard numbers the parameters from zero: optimizer states and static checkpoints
        # use these names as keys.
        with unique_name.guard(), loading.model_errors(config):
            self.net = self._contract.create_model(self._settings)
            self._optimizer = self._contract.create_optimizer(self.net, self._settings)
        self._step = self._first_step
        decay = config.runner("ema_decay")
        self._averages = moving_averages.Averages(self.net, decay) if decay else None
        self._metrics, self.metric_names = self._contract.create_metrics()
        # step_forward is like train_forward, but its loss has only item, detach and backward.
        self._forward = getattr(self._contract, "step_forward", self._contract.train_forward)
        self._guarded_forward = self._first_forward

    def start_epoch(self, training: bool) -> None:
        """Resets the metrics and switches the net to training or evaluation."""
        self._check_loss = finite_check.LossCheck(self._on_nan, self._device)
        self.skipped = 0
        for metric in self._metrics:
            if hasattr(metric, "reset"):  # a custom metric may have none
                metric.reset()
        if training:
            self.net.train()
        else:
            self.net.eval()

    def batches(self, source: Source, epoch: int) -> Iterator[tuple[Any, int]]:
        """Yields an epoch's batches and their numbers of rows; see `Session`."""
        for batches in self._batch_lists(source, epoch):
            yield from batches

    def _batch_lists(self, source: Source, epoch: int) -> Iterator[Batches]:
        prepare = getattr(self._contract, "prepare", None)
        of_net = partial(prepare, self.net) if prepare else None
        return batch_lists(source, epoch, of_net, self._config, self._device)

    def train_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        """Takes one optimizer step and returns the values that the model wants to show."""
        arguments = (self.net, self._metrics, batch, self._settings)
        loss, self._metrics, shown = self._guarded_forward(*arguments)
        fault = self._check_loss(loss)
        if fault is not None:
            return self._not_finite(fault, batch)
        clock.lap("forward")
        loss.backward()
        clock.lap("backward")
        self._step()
        self._optimizer.clear_grad()
        clock.lap("optimizer")
        return shown or {}

    def check_pending_losses(self) -> None:
        """Checks losses that were collected on a GPU and not yet read; see `Session`."""
        fault = self._check_loss.pending()
        if fault is not None:
            raise fault

    def _not_finite(self, fault: finite_check.NotFinite, batch: Any) -> dict[str, Any]:
        """Skips the step of a loss that is not finite, or raises ``fault``."""
        if self._on_nan == "skip":
            self.skipped += 1
            forget_batch = getattr(self._contract, "forget_batch", None)
            if forget_batch:
                forget_batch()
            return {}
        row_losses = getattr(self._contract, "row_losses", None)
        if row_losses and not fault.steps_ago and not fault.elsewhere:
            self.net.eval()
            with paddle.no_grad():
                fault.row_losses = row_losses(self.net, batch)
        raise fault

    def _first_forward(self, *arguments: Any) -> tuple:
        with loading.model_errors(self._config):
            result = self._forward(*arguments)
        self._guarded_forward = self._forward
        return result

    def _first_step(self) -> None:
        # The first step creates the optimizer's state; its names must be those of checkpoints.
        with unique_name.guard(), sparse_gradients.step_errors(self._optimizer):
            self._optimizer.step()
        self._step = self._optimizer.step
        if self._averages:
            self._averages.update()
            self._step = self._averaged_step

    def _averaged_step(self) -> None:
        self._optimizer.step()
        self._averages.update()

    @paddle.no_grad()
    def infer_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        """Adds a batch to the metrics and returns the values that the model wants to show."""
        self._metrics, shown = self._contract.infer_forward(
            self.net, self._metrics, batch, self._settings
        )
        clock.lap("forward")
        return shown or {}

    @paddle.no_grad()
    def predict(self, batch: Any) -> dict[str, np.ndarray]:
        """Returns each task's predictions for a batch."""
        predict = loading.hook(self._contract, "predict", "runner.save_predictions")
        return {name: value.numpy() for name, value in predict(self.net, batch).items()}

    @paddle.no_grad()
    def gate_weights(self, source: Source, batches: int | None = 1) -> dict[str, np.ndarray] | None:
        """Returns each task's mean weights over the experts; see `Session`."""
        weights = getattr(self._contract, "gate_weights", None)
        if weights is None:
            return None
        self.net.eval()
        trained = self.parameters() if self._averages else {}
        self.load(self._averages.values() if self._averages else {}, "rec")
        # Not self.batches: with several processes only rank 0 is here, and it must not wait.
        some = islice(chain.from_iterable(self._batch_lists(source, 0)), batches)
        means = mean_over_rows(lambda batch: weights(self.net, batch), some)
        self.load(trained, "rec")
        return means

    def gate_names(self) -> list[str] | None:
        """Returns the experts' names, if the model gives them; see `Session`."""
        names = getattr(self._contract, "gate_names", None)
        return names() if names else None

    def network(self) -> Any:
        """Returns the net."""
        return self.net

    @property
    def metric_objects(self) -> list:
        """The metrics themselves; a checkpoint inside an epoch saves their counts."""
        return self._metrics

    def metrics(self) -> dict[str, Any]:
        """Returns the metrics of the epoch so far, by name."""
        return {name: metric.accumulate() for name, metric in zip(self.metric_names, self._metrics)}

    def mean_over_processes(self, shown: dict[str, Any]) -> dict[str, Any]:
        """Returns the values unchanged: there is one process."""
        return shown

    def learning_rate(self) -> float:
        """Returns the optimizer's current learning rate."""
        return self._optimizer.get_lr()

    @property
    def has_schedule(self) -> bool:
        """Whether the model's own optimizer has a learning-rate schedule."""
        return not isinstance(getattr(self._optimizer, "_learning_rate", None), float)

    def set_learning_rate(self, rate: float) -> None:
        """Sets the optimizer's learning rate, from the next step on."""
        self._optimizer.set_lr(rate)

    def fit_inputs(self, source: Source) -> None:
        """Sets the parameters that are computed from the training data, such as means."""
        fit = getattr(self._contract, "fit_inputs", None)
        if fit:
            self.load(fit(self.net, source.blocks()), "rec")

    def synchronise(self) -> None:
        """Does nothing: there is one process."""

    def parameters(self) -> dict[str, np.ndarray]:
        """Returns the net's parameters by name."""
        return {name: value.numpy() for name, value in self.net.state_dict().items()}

    def evaluation_parameters(self) -> dict[str, np.ndarray]:
        """Returns the parameters to evaluate: their moving averages where there are any."""
        return {**self.parameters(), **(self._averages.values() if self._averages else {})}

    def state(self) -> dict[str, Any]:
        """Returns the content of a checkpoint, by file ending."""
        parts = {"pdparams": self.net.state_dict(), "pdopt": self._optimizer.state_dict()}
        if self._averages:
            parts["pdparams"] = self.evaluation_parameters()
            parts[formats.AVERAGES] = self._averages.state()
        return parts

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores parameters and the optimizer from a checkpoint's content."""
        self.load(state["pdparams"], "rec")
        self._optimizer.set_state_dict(state["pdopt"])
        trained, sums, steps = moving_averages.unpack(state)
        self.load(trained, "rec")
        if self._averages:
            self._averages.load(sums, steps)

    def load(self, arrays: Mapping[str, np.ndarray], prefix: str) -> None:
        """Sets parameters by the names that checkpoints ``<prefix>.pdparams`` use."""
        tensors = self._tensors(prefix)
        for name, array in arrays.items():
            tensors[name].set_value(array)

    def shapes(self, prefix: str = "rec") -> dict[str, tuple]:
        """Returns the parameters' shapes by the names that checkpoints of ``prefix`` use."""
        return {name: tuple(tensor.shape) for name, tensor in self._tensors(prefix).items()}

    def from_paddlerec(self, saved: Mapping[str, Any]) -> dict[str, Any] | None:
        """Returns the net's parameters from PaddleRec's; None if they are not PaddleRec's."""
        translate = getattr(self._contract, "from_paddlerec", None)
        return translate(self.net, saved) if translate else None

    def to_paddlerec(self, static: bool) -> dict[str, np.ndarray]:
        """Returns the parameters of PaddleRec's equivalent net, by its static or dygraph names.

        Raises:
            ValueError: PaddleRec has no equivalent net.
        """
        translate = loading.hook(self._contract, "to_paddlerec", "writing PaddleRec's names")
        return translate(self.net, self.arrays("rec"), static)

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Returns the parameters by the names that checkpoints ``<prefix>.pdparams`` use."""
        return {name: tensor.numpy() for name, tensor in self._tensors(prefix).items()}

    def select_parameters(self, saved: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        """Returns all of a checkpoint's parameters."""
        return saved

    def embeddings(self, prefix: str) -> set[str]:
        """Returns the names of the embedding tables."""
        tables = loading.embedding_tables(self.net)
        return {name for name, tensor in self._tensors(prefix).items() if tensor.name in tables}

    def input_specs(self) -> list:
        """Returns the ``paddle.static.InputSpec`` of each of the net's inputs.

        Raises:
            UserError: the model does not declare its inputs.
        """
        return loading.input_specs(self._contract, self._config)(self._settings)

    def output_names(self) -> list[str] | None:
        """Returns the names of the net's outputs; None if the model does not declare them."""
        declare = getattr(self._contract, "output_names", None)
        return declare() if declare else None

    def _tensors(self, prefix: str) -> dict[str, paddle.Tensor]:
        tensors = self.net.state_dict()
        if prefix == "rec":
            return tensors
        return {tensor.name: tensor for tensor in tensors.values()}

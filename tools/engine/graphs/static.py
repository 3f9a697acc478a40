"""`StaticSession`: the session of a model folder's StaticModel, on Paddle 3 (PIR) and 2.6."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Callable

import numpy as np
import paddle

from engine.checkpoints import formats
from engine.config.config import Config
from engine.data.batch import batch_rows
from engine.data.sources import ModelSource, Source
from engine.graphs import feeds, finite_check, moving_averages
from engine.graphs.static_program import Built, build, remember_program
from engine.graphs.task_queries import TaskQueries
from engine.model_folder import loading, running_auc
from engine.system.clock import Clock

_RATE = "learning_rate"  # prefix of the learning rate's variable; under PIR it is a parameter


class StaticSession(TaskQueries):
    """Trains or evaluates the StaticModel of a configuration's folder.

    Under PIR a program cannot be cloned for testing, so training and evaluation build separate
    programs. Their parameters have the same names, and so have those of the dygraph net.
    """

    prefix = "rec_static"
    skipped = 0  # only dygraph can skip steps
    shows_last_batch = False  # a model in PaddleRec's form fetches its metrics with its values

    def __init__(self, config: Config, training: bool):
        self._config = config
        self._averages = moving_averages.ProgramAverages(config.runner("ema_decay"))
        built = self._build(config, training)
        self._contract, self._program = built.model, built.program
        fetches = built.fetches
        self._place = paddle.CUDAPlace(0) if built.device == "gpu" else paddle.CPUPlace()
        self._scope = paddle.static.Scope()
        self.auc_counters = running_auc.Counters(built.counters, self._scope, self._place)
        self._training = training
        self._paddlerec_form = loading.written_for_paddlerec(config)
        complete = None if training else getattr(self._contract, "complete", None)
        self._feeds = feeds.Feeds(built.inputs, complete)
        # Under PIR variables cannot be fetched by name, so the names are stored beside them.
        self._fetch_names, self._fetches = list(fetches), list(fetches.values())
        on_nan = config.runner("on_nan") if training else "ignore"
        if on_nan == "skip":
            reason = "static graph takes the step before the loss is known; expected stop or ignore"
            raise config.error("runner.on_nan", reason)
        losses = [name for name in fetches if re.search("loss|cost", name, re.IGNORECASE)]
        self._losses = losses if on_nan == "stop" else []
        self.executor = paddle.static.Executor(self._place)
        self.executor.run(built.startup, scope=self._scope)
        remember_program(self.executor)
        self.export: Callable[[str], None] | None = None
        rates = (name for name in self._variables("all") if name.startswith(_RATE))
        self._rate = next(rates, None)
        create = getattr(self._contract, "create_metrics", None)
        self._metrics, self.metric_names = create() if create else ([], [])
        self._fetched: dict[str, Any] = {}  # last values of a model whose metrics are fetches

    def _build(self, config: Config, training: bool) -> Built:
        def optimize(model: Any) -> None:
            model.create_optimizer()
            self._averages.add_to_program()

        return build(config, training, optimize, config.runner("use_gpu"))

    def start_epoch(self, training: bool) -> None:
        """Resets the metrics."""
        self._fetched = {}
        for metric in self._metrics:
            metric.reset()
        self.auc_counters.reset()

    def batches(self, source: Source, epoch: int) -> Iterator[tuple[Any, int]]:
        """Yields an epoch's batches and their numbers of rows; see `Session`."""
        if isinstance(source, ModelSource):
            create = loading.hook(
                self._contract, "create_data_loader", "runner.reader_type = CustomizeDataLoader"
            )
            loader = loading.call(create, is_infer=not self._training)
            batches = feeds.loader_batches(loader, type(self._contract).__name__)
        else:
            batches = source.batches(epoch)
        for columns in batches:
            yield columns, batch_rows(columns)

    def train_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        """Runs the program on a batch and returns the values that the model wants to show."""
        fetched = self._run(batch)
        self._averages.steps += 1
        with loading.model_errors(self._config):
            for name in self._losses:
                fault = finite_check.check_loss(fetched[name])
                if fault is not None:
                    row_losses = getattr(self._contract, "row_losses", None)
                    fault.row_losses = row_losses(fetched, batch) if row_losses else None
                    raise fault
            clock.lap("forward")
            shown = self._update_metrics(fetched, batch)
        clock.lap("metrics")
        return shown

    infer_step = train_step  # training and evaluation differ in the program only

    def check_pending_losses(self) -> None:
        """Does nothing: each step checks its own loss."""

    def predict(self, batch: Any) -> dict[str, np.ndarray]:
        """Returns each task's predictions for a batch."""
        return loading.hook(self._contract, "predictions", "runner.save_predictions")(
            self._run(batch)
        )

    def _run(self, batch: Any) -> dict[str, np.ndarray]:
        feed = self._feeds.named(batch)
        # Not run(scope=...): under PIR a learning-rate scheduler uses the current scope.
        with self.in_scope():
            values = self.executor.run(self._program, feed=feed, fetch_list=self._fetches)
        return dict(zip(self._fetch_names, values))

    def _update_metrics(self, fetched: dict[str, np.ndarray], batch: Any) -> dict[str, Any]:
        if not self._metrics:
            # A model in PaddleRec's form fetches its metrics. As in PaddleRec, the epoch's line
            # shows the fetches of the last batch: an AUC is of all rows, others of that batch.
            self._fetched = fetched
            return fetched
        self._contract.update_metrics(self._metrics, fetched, batch)
        return {name: value for name, value in fetched.items() if value.size == 1}

    def gate_names(self) -> None:
        """Returns None; see `gate_weights`."""

    def gate_weights(self, source: Source, batches: int | None = 1) -> None:
        """Returns None: only dygraph shows the gates."""

    def network(self) -> Any:
        """Returns the net; None if a model in PaddleRec's form does not offer it."""
        return getattr(self._contract, "network", None)

    @property
    def metric_objects(self) -> list:
        """The metrics themselves; a checkpoint inside an epoch saves their counts."""
        return self._metrics

    def metrics(self) -> dict[str, Any]:
        """Returns the metrics of the epoch so far, by name."""
        computed = (metric.accumulate() for metric in self._metrics)
        return {**self._fetched, **dict(zip(self.metric_names, computed))}

    def mean_over_processes(self, shown: dict[str, Any]) -> dict[str, Any]:
        """Returns the values unchanged: there is one process."""
        return shown

    def learning_rate(self) -> float:
        """Returns the optimizer's current learning rate; NaN without an optimizer."""
        if self._rate is None:
            return float("nan")
        return float(np.array(self._scope.find_var(self._rate).get_tensor()).item())

    @property
    def has_schedule(self) -> bool:
        """Whether the model's own optimizer has a schedule, or no learning rate."""
        return self._rate is None or getattr(self._program, "lr_scheduler", None) is not None

    def set_learning_rate(self, rate: float) -> None:
        """Sets the optimizer's learning rate, from the next step on."""
        tensor = self._scope.find_var(self._rate).get_tensor()
        tensor.set(np.full(tensor.shape(), rate, np.float32), self._place)

    def fit_inputs(self, source: Source) -> None:
        """Sets the parameters that are computed from the training data, such as means."""
        fit = getattr(self._contract, "fit_inputs", None)
        if fit:
            self.load(fit(source.blocks()), "rec")

    def synchronise(self) -> None:
        """Does nothing: there is one process."""

    def parameters(self) -> dict[str, np.ndarray]:
        """Returns the net's parameters by name."""
        return {name: np.array(value) for name, value in self._variables("param").items()}

    def evaluation_parameters(self) -> dict[str, np.ndarray]:
        """Returns the parameters to evaluate: their moving averages where there are any."""
        values = self.parameters()
        return {**{name: values[name] for name in self.shapes()}, **self._average_values()}

    def _average_values(self) -> dict[str, np.ndarray]:
        return self._averages.values(self._variables("all"))

    @contextmanager
    def averages_loaded(self) -> Iterator[None]:
        """Replaces the parameters by their moving averages, if there are any, inside a block."""
        parameters = self.parameters()
        trained = {name: parameters[name] for name in self._averages.variables}
        self.load(self._average_values(), self.prefix)
        try:
            yield
        finally:
            self.load(trained, self.prefix)

    def in_scope(self) -> Any:
        """Returns a context in which Paddle finds the program's variables."""
        return paddle.static.scope_guard(self._scope)

    def state(self) -> dict[str, Any]:
        """Returns the content of a checkpoint, by file ending."""
        variables = {name: np.array(value) for name, value in self._variables("all").items()}
        names = self.shapes()
        optimizer = {
            name: value
            for name, value in variables.items()
            if name not in {*names, *self.auc_counters.names} and not moving_averages.is_sum(name)
        }
        scheduler = getattr(self._program, "lr_scheduler", None)
        if scheduler is not None:
            optimizer["LR_Scheduler"] = scheduler.state_dict()
        parameters = {name: variables[name] for name in names}
        content = {"pdparams": parameters, "pdopt": optimizer}
        if self._averages.variables:
            sums = self._averages.sums(variables)
            content[formats.AVERAGES] = moving_averages.pack(parameters, sums, self._averages.steps)
            content["pdparams"] = {**parameters, **self._average_values()}
        return content

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores parameters and the optimizer from a checkpoint's content."""
        self.load(state["pdparams"], "rec_static")
        optimizer = {  # without the rate: the configuration or the schedule sets it
            name: value for name, value in state["pdopt"].items() if not name.startswith(_RATE)
        }
        schedule = optimizer.pop("LR_Scheduler", None)
        if schedule is not None:
            self._program.lr_scheduler.set_state_dict(schedule)
        self.load(optimizer, "rec_static")
        trained, sums, self._averages.steps = moving_averages.unpack(state)
        self.load(trained, "rec_static")
        variables = self._variables("all")
        for name, total in self._averages.variables.items():
            zeros = np.zeros_like(np.array(variables[total]))
            self.load({total: sums.get(name, zeros)}, "rec_static")

    def load(self, arrays: Mapping[str, np.ndarray], prefix: str) -> None:
        """Sets variables by the names that checkpoints ``<prefix>.pdparams`` use."""
        names = self._variable_names(prefix)
        for name, array in arrays.items():
            tensor = self._scope.find_var(names.get(name, name)).get_tensor()
            tensor.set(np.ascontiguousarray(array), self._place)

    def shapes(self, prefix: str = "rec_static") -> dict[str, tuple]:
        """Returns the parameters' shapes by the names that checkpoints of ``prefix`` use."""
        variables = self._variables("param")
        return {
            name: np.array(variables[variable]).shape
            for name, variable in self._variable_names(prefix).items()
        }

    def from_paddlerec(self, saved: Mapping[str, Any]) -> dict[str, Any] | None:
        """Returns the net's parameters from PaddleRec's; None if they are not PaddleRec's."""
        translate = getattr(self._contract, "from_paddlerec", None)
        return translate(self._contract.network, saved) if translate else None

    def select_parameters(self, saved: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        """Returns those of a checkpoint's parameters that this program needs.

        A model in PaddleRec's form may evaluate with a part of its parameters.
        """
        if self._training or not self._paddlerec_form:
            return saved
        names = self.shapes(prefix)
        return {name: array for name, array in saved.items() if name in names}

    def embeddings(self, prefix: str) -> set[str]:
        """Returns the names of the embedding tables."""
        tables = loading.embedding_tables(self._net("runner.init_scope = sparse"))
        return {
            name for name, variable in self._variable_names(prefix).items() if variable in tables
        }

    def _variables(self, mode: str) -> dict[str, Any]:
        return self._program.state_dict(mode, self._scope)

    def _variable_names(self, prefix: str) -> dict[str, str]:
        """Maps the names in checkpoints of ``prefix`` to names of this program's variables."""
        if prefix == "rec":
            net = self._net("reading a dygraph checkpoint")
            return {name: parameter.name for name, parameter in net.state_dict().items()}
        names = [name for name in self._variables("param") if not name.startswith(_RATE)]
        return dict(zip(names, names))

    def _net(self, purpose: str) -> Any:
        return loading.hook(self._contract, "network", purpose)

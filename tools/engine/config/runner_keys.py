"""Every ``runner.*`` key: its type, its default, the values it takes and what it does.

``docs/configuration.md`` shows the same table; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

PATHS = ("path", "output path")
REQUIRED = object()  # no default: the command that needs the key asks for it by name


@dataclass(frozen=True)
class Key:
    """One ``runner.*`` key.

    Attributes:
        kind: ``bool``, ``int``, ``text``, ``path`` (read), ``output path`` (written) or ``any``.
        default: the value when the YAML does not set the key; REQUIRED if there is none.
        meaning: one sentence for the documentation.
        expected: what a valid value looks like, in words, for error messages.
        check: tells whether a value of the right kind is valid.
    """

    kind: str
    default: Any
    meaning: str
    expected: str = ""
    check: Callable[[Any], bool] = lambda value: True


def _at_least(minimum: int, default: Any, meaning: str) -> Key:
    expected = f"an integer of at least {minimum}"
    return Key("int", default, meaning, expected, lambda value: value >= minimum)


def _names(meaning: str) -> Key:
    return Key("any", None, meaning, "a list of names", _is_names)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)


METRICS = ("auc", "gauc", "logloss", "calibration", "ece", "acc")
SYNC_MODES = ("async", "sync", "geo", "heter", "gpubox")
READER_TYPES = ("DataLoader", "QueueDataset", "InmemoryDataset", "CustomizeDataLoader")

RUNNER = {
    "train_data_dir": Key("path", REQUIRED, "Folder of the training files, sub-folders included."),
    "train_reader_path": Key(
        "text", REQUIRED, "Reader module in the model's folder, without `.py`."
    ),
    "train_batch_size": _at_least(1, REQUIRED, "Rows in a training batch."),
    "epochs": _at_least(1, REQUIRED, "Passes over the training data."),
    "reader_type": Key(
        "text",
        "DataLoader",
        "PaddleRec's key. `QueueDataset` and `InmemoryDataset` readers are read row by row as "
        "well; with `CustomizeDataLoader` the batches are those of the StaticModel's "
        "`create_data_loader`.",
        "DataLoader, QueueDataset, InmemoryDataset or CustomizeDataLoader",
        lambda value: value in READER_TYPES,
    ),
    "user_define_reader": Key("bool", False, "What the reader yields are whole batches, not rows."),
    "drop_last": Key(
        "bool",
        None,
        "Leave out an epoch's last batch of training rows if it is smaller than the others; if "
        "not set, with folders written for PaddleRec alone, as it does.",
    ),
    "shuffle": Key(
        "bool",
        True,
        "Visit the training rows in a new order every epoch, drawn from `seed`. Folders written "
        "for PaddleRec keep their order unless this is set.",
    ),
    "seed": _at_least(0, 12345, "Seeds parameters, row order and dropout."),
    "on_nan": Key(
        "text",
        "stop",
        "When a batch's loss is NaN or infinite: `stop` the run, `skip` the step (dygraph), or "
        "`ignore` it.",
        "stop, skip or ignore",
        lambda value: value in ("stop", "skip", "ignore"),
    ),
    "print_interval": _at_least(1, 100, "Batches between two log lines."),
    "model_save_path": Key(
        "output path", "output_model", "Folder for checkpoints, one sub-folder an epoch."
    ),
    "checkpoint_format": Key(
        "text",
        "paddle",
        "Files that checkpoints are saved as: `paddle`'s pickles or `safetensors`. Either is read.",
        "paddle or safetensors",
        lambda value: value in ("paddle", "safetensors"),
    ),
    "keep_checkpoints": _at_least(
        1,
        None,
        "How many epochs' checkpoints, the last ones saved, stay in `model_save_path`; all if not "
        "set.",
    ),
    "resume": Key(
        "bool", False, "Go on from the newest checkpoint in `model_save_path`, if there is one."
    ),
    "model_init_path": Key(
        "path", None, "Warm start: an epoch's checkpoint folder to take parameters from."
    ),
    "init_scope": Key(
        "any",
        "all",
        "What a warm start takes: `all`, `sparse` (embedding tables), or a list of name patterns.",
        "all, sparse or a list of name patterns",
        lambda value: value in ("all", "sparse") or _is_names(value),
    ),
    "ema_decay": Key(
        "any",
        0.0,
        "Decay of the parameters' moving averages, which evaluation, checkpoints and exports take "
        "in the parameters' place; 0 for none. See [training.md](training.md).",
        "a number from 0 to less than 1",
        lambda value: type(value) in (int, float) and 0 <= value < 1,
    ),
    "valid_data_dir": Key(
        "path",
        None,
        "Folder of the rows that training is evaluated on as it goes; no evaluation if not set. "
        "Batches are of `infer_batch_size`, or else of `train_batch_size`. See "
        "[training.md](training.md).",
    ),
    "valid_reader_path": Key(
        "text",
        None,
        "Reader for them; `infer_reader_path` if not set, `train_reader_path` if neither is.",
    ),
    "valid_interval": _at_least(
        0, 0, "Batches between two evaluations inside an epoch; 0: only at its end."
    ),
    "valid_metric": Key(
        "text",
        "mean",
        "What tells which evaluation is the best: a metric's name as it is logged, or `mean` of "
        "all AUCs (of all metrics where there is no AUC). Of a loss, a cost or an error less is "
        "better.",
    ),
    "early_stopping_patience": _at_least(
        1, None, "Evaluations in a row that are no better, after which training ends."
    ),
    "early_stopping_min_delta": Key(
        "any",
        0.0,
        "How much better an evaluation must be to count as better.",
        "a number of at least 0",
        lambda value: type(value) in (int, float) and 0 <= value < float("inf"),
    ),
    "test_data_dir": Key("path", REQUIRED, "Folder of the evaluation files."),
    "infer_reader_path": Key(
        "text", None, "Reader for evaluation; `train_reader_path` if not set."
    ),
    "infer_batch_size": _at_least(1, REQUIRED, "Rows in an evaluation batch."),
    "infer_load_path": Key(
        "path", None, "Folder of the checkpoints to evaluate; `model_save_path` if not set."
    ),
    "infer_start_epoch": _at_least(0, 0, "First epoch to evaluate."),
    "infer_end_epoch": _at_least(1, REQUIRED, "One past the last epoch to evaluate."),
    "infer_checkpoint": Key(
        "text",
        None,
        "`best`: evaluate and export the best epoch of a run with `valid_data_dir`, in place of "
        "those that `infer_start_epoch` and `infer_end_epoch` name.",
        "best",
        lambda value: value == "best",
    ),
    "save_predictions": Key(
        "output path",
        None,
        "File (`.csv`, `.npy` or `.parquet`) for every row's prediction, one column a task, in "
        "file order.",
        "a file name that ends in .csv, .npy or .parquet",
        lambda value: value.endswith((".csv", ".npy", ".parquet")),
    ),
    "metrics": Key(
        "any",
        None,
        "What evaluation says of each task besides the model's metrics, exactly and from all rows: "
        "a list of `auc`, `gauc`, `logloss`, `calibration`, `ece` and `acc`. See "
        "[results.md](results.md).",
        f"a list of {', '.join(METRICS)}",
        lambda value: _is_names(value) and set(value) <= set(METRICS),
    ),
    "gauc_column": Key(
        "text",
        None,
        "Whose values group the rows for `gauc`: a column of a table, or a sparse field of one id.",
    ),
    "ece_bins": _at_least(
        2, 20, "Bins of about equal counts that `ece` and reliability diagrams have."
    ),
    "save_metrics": Key(
        "output path",
        None,
        "File (`.json`) for what a command measured: metrics by epoch, rows, seconds, parameters, "
        "gates, versions. Each command writes its own, so give it with `-o`.",
        "a file name that ends in .json",
        lambda value: value.endswith(".json"),
    ),
    "use_gpu": Key("bool", None, "Train on the GPU; if not set, where there is one."),
    "sync_mode": Key(
        "text",
        "async",
        "How `static_ps_trainer.py` trains on parameter servers: `async`, the only one of "
        "PaddleRec's modes that works; other commands do not use it.",
        "async (PaddleRec knows sync, geo, heter and gpubox, too)",
        lambda value: value in SYNC_MODES,
    ),
    "use_fleet": Key(
        "bool",
        False,
        "Train or evaluate in dygraph with all processes that `paddle.distributed.launch` starts; "
        "`train_batch_size` and `infer_batch_size` are each one's. See "
        "[scaling.md](scaling.md).",
    ),
    "cache_dir": Key(
        "output path",
        None,
        "Folder for parsed copies of text data that cannot be written beside their source; "
        "`~/.cache/paddlemtl` if not set.",
    ),
    "use_visual": Key(
        "bool",
        False,
        "Write loss, metrics, learning rate and speed for VisualDL, and a picture of the gates.",
    ),
    "visual_dir": Key("output path", "visualDL_log", "Folder for VisualDL's records."),
    "use_auc": Key(
        "bool", True, "Accepted for PaddleRec's YAMLs: metrics always start anew every epoch."
    ),
    "auc_num": _at_least(
        0, 1, "Accepted for PaddleRec's YAMLs: every AUC of a static model starts anew."
    ),
    "CE": Key(
        "bool", False, "Accepted for PaddleRec's tests: every run is the same as the one before."
    ),
    "use_inference": Key(
        "bool",
        False,
        "`static_trainer.py` saves an inference model, `rec_inference.*`, beside each checkpoint; "
        "`trainer.py` does not: `to_static.py` makes it afterwards.",
    ),
    "save_inference_feed_varnames": _names("Inputs of `rec_inference.*`; the net's if not set."),
    "save_inference_fetch_varnames": _names(
        "Outputs of `rec_inference.*`, by their tasks; all if not set. Names that Paddle once gave "
        "by itself (`clip_0.tmp_0`) count by their position, with a warning."
    ),
}

"""Every ``runner.*`` key: its type, default, valid values and meaning.

``docs/configuration.md`` contains the same table; a test compares the two.
"""

from __future__ import annotations

from engine.config.runner_key import REQUIRED, Key, at_least, is_names, names
from engine.config.warm_start_keys import WARM_START

METRICS = ("auc", "gauc", "pr_auc", "macro_auc", "acc", "precision", "recall", "f1", "logloss")
METRICS += ("normalized_entropy", "calibration", "ece")
METRICS += ("xauc", "spearman", "mae", "rmse", "r2", "poisson_deviance")
SYNC_MODES = ("async", "sync", "geo", "heter", "gpubox")
READER_TYPES = ("DataLoader", "QueueDataset", "InmemoryDataset", "CustomizeDataLoader")

RUNNER = {
    "train_data_dir": Key(
        "paths",
        REQUIRED,
        "Training files: a folder with its sub-folders, a file, or a list of folders and files.",
    ),
    "train_reader_path": Key(
        "text", REQUIRED, "Reader module in the model's folder, without `.py`."
    ),
    "train_batch_size": at_least(1, REQUIRED, "Rows per training batch."),
    "epochs": at_least(1, REQUIRED, "Number of epochs."),
    "reader_type": Key(
        "text",
        "DataLoader",
        "PaddleRec's key. `QueueDataset` and `InmemoryDataset` readers are read row by row too. "
        "With `CustomizeDataLoader`, the StaticModel's `create_data_loader` provides the batches.",
        "DataLoader, QueueDataset, InmemoryDataset or CustomizeDataLoader",
        lambda value: value in READER_TYPES,
    ),
    "user_define_reader": Key("bool", False, "The reader yields batches instead of rows."),
    "drop_last": Key(
        "bool",
        None,
        "Drop the last training batch of an epoch if it is smaller than the others. If not set, "
        "only folders written for PaddleRec drop it, as PaddleRec does.",
    ),
    "shuffle": Key(
        "bool",
        True,
        "Read the training rows in a new random order in every epoch; `seed` determines it. "
        "Folders written for PaddleRec keep their order unless this key is set.",
    ),
    "seed": at_least(
        0,
        12345,
        "Random seed of parameter initialization, row order and dropout. The same seed gives the "
        "same numbers; with another number of threads they differ by about 2e-6. See "
        "[training.md](training.md).",
    ),
    "on_nan": Key(
        "text",
        "stop",
        "What to do when the loss of a batch is NaN or infinite: `stop` the run, `skip` the step "
        "(dygraph only), or `ignore` it.",
        "stop, skip or ignore",
        lambda value: value in ("stop", "skip", "ignore"),
    ),
    "fast_step": Key(
        "bool",
        True,
        "Train in dygraph with a step that is written as code, if the net allows it. False leaves "
        "all gradients to autograd. See [performance.md](performance.md).",
    ),
    "print_interval": at_least(1, 100, "Number of batches between two log lines."),
    "log_file": Key(
        "output path",
        None,
        "File to which the log is appended, besides the terminal. Its folder must exist.",
    ),
    "model_save_path": Key(
        "output path", "output_model", "Folder for checkpoints, with one sub-folder per epoch."
    ),
    "checkpoint_format": Key(
        "text",
        "paddle",
        "File format of new checkpoints: `paddle` (pickle) or `safetensors`. Both can be read.",
        "paddle or safetensors",
        lambda value: value in ("paddle", "safetensors"),
    ),
    "keep_checkpoints": at_least(
        1,
        None,
        "Number of epochs whose checkpoints stay in `model_save_path`; the latest ones stay. If "
        "not set, all stay.",
    ),
    "resume": Key(
        "bool", False, "Resume from the latest checkpoint in `model_save_path`, if there is one."
    ),
    "overwrite": Key(
        "bool",
        False,
        "Remove the checkpoints of an earlier training from `model_save_path` when a new one "
        "starts. See [training.md](training.md).",
    ),
    **WARM_START,
    "ema_decay": Key(
        "any",
        0.0,
        "Decay of the exponential moving averages of the parameters; 0 for none. Evaluation, "
        "checkpoints and exports use the averages. See [training.md](training.md).",
        "a number from 0 to less than 1",
        lambda value: type(value) in (int, float) and 0 <= value < 1,
    ),
    "valid_data_dir": Key(
        "paths",
        None,
        "Validation set, like `train_data_dir`, which is evaluated during training. If not set, "
        "there is no evaluation. The batch size is `infer_batch_size`, or `train_batch_size` if "
        "that is not set. See [training.md](training.md).",
    ),
    "valid_reader_path": Key(
        "text",
        None,
        "Reader of the validation set. If not set: `infer_reader_path`, or `train_reader_path` if "
        "that is not set either.",
    ),
    "valid_interval": at_least(
        0,
        0,
        "Number of batches between two evaluations within an epoch; 0: only at the end of an "
        "epoch.",
    ),
    "valid_metric": Key(
        "text",
        "mean",
        "Metric that selects the best evaluation: its name in the log, `mean` of all AUCs, "
        "accuracies and XAUCs, `loss`, or any of `metrics` with a task's name, such as "
        "`logloss_<task>`. For a loss, a cost or an error, lower is better. See "
        "[training.md](training.md).",
    ),
    "early_stopping_patience": at_least(
        1, None, "Training stops after this many consecutive evaluations without improvement."
    ),
    "early_stopping_min_delta": Key(
        "any",
        0.0,
        "A metric improves if it changes by more than this.",
        "a number of at least 0",
        lambda value: type(value) in (int, float) and 0 <= value < float("inf"),
    ),
    "test_data_dir": Key("paths", REQUIRED, "Test set, like `train_data_dir`."),
    "infer_reader_path": Key(
        "text", None, "Reader of the test set; `train_reader_path` if not set."
    ),
    "infer_batch_size": at_least(1, REQUIRED, "Rows per evaluation batch."),
    "infer_load_path": Key(
        "path",
        None,
        "Folder of the checkpoints to evaluate; `model_save_path` if not set. If the YAML has one "
        "folder for both keys, `-o runner.model_save_path` moves both.",
    ),
    "infer_start_epoch": at_least(0, 0, "First epoch to evaluate."),
    "infer_end_epoch": at_least(1, REQUIRED, "One more than the last epoch to evaluate."),
    "infer_checkpoint": Key(
        "text",
        None,
        "`best`: evaluate and export the best checkpoint of a run with `valid_data_dir`, instead "
        "of the epochs from `infer_start_epoch` to `infer_end_epoch`.",
        "best",
        lambda value: value == "best",
    ),
    "save_predictions": Key(
        "output path",
        None,
        "File (`.csv`, `.npy` or `.parquet`) for the predictions of all rows, with one column per "
        "task, in the order of the data files.",
        "a file name that ends in .csv, .npy or .parquet",
        lambda value: value.endswith((".csv", ".npy", ".parquet")),
    ),
    "metrics": Key(
        "any",
        None,
        "Metrics that evaluation computes for each task in addition to the model's, exactly and "
        f"over all rows: a list of {', '.join(f'`{name}`' for name in METRICS)}. See "
        "[results.md](results.md).",
        f"a list of {', '.join(METRICS)}",
        lambda value: is_names(value) and set(value) <= set(METRICS),
    ),
    "threshold": Key(
        "any",
        0.5,
        "Probability above which a row of a binary task is predicted 1, for `acc`, `precision`, "
        "`recall` and `f1`.",
        "a number between 0 and 1",
        lambda value: type(value) in (int, float) and 0 < value < 1,
    ),
    "weighted_metrics": Key(
        "bool",
        False,
        "Weight the rows of `metrics` by the sample weights of the tasks. See "
        "[results.md](results.md).",
    ),
    "slice_by": Key(
        "text",
        None,
        "Column by whose values `metrics` are also computed, like `gauc_column`: a line for each "
        "task and value.",
    ),
    "gauc_column": Key(
        "text",
        None,
        "Column by whose values `gauc` groups the rows: a column of a table, or a sparse field "
        "with one id per row.",
    ),
    "ece_bins": at_least(
        2,
        20,
        "Number of bins of `ece` and of reliability diagrams; the bins have about equally many "
        "rows.",
    ),
    "save_metrics": Key(
        "output path",
        None,
        "File (`.json`) for the measurements of a command: metrics by epoch, rows, seconds, "
        "parameters, gates, versions. Each command writes its own file, so set this key with `-o`.",
        "a file name that ends in .json",
        lambda value: value.endswith(".json"),
    ),
    "use_gpu": Key("bool", None, "Use the GPU. If not set, one that computes correctly is used."),
    "sync_mode": Key(
        "text",
        "async",
        "How `static_ps_trainer.py` trains with parameter servers. Of PaddleRec's modes only "
        "`async` works. Other commands do not use this key.",
        "async (PaddleRec also knows sync, geo, heter and gpubox)",
        lambda value: value in SYNC_MODES,
    ),
    "use_fleet": Key(
        "bool",
        False,
        "Train or evaluate in dygraph with all processes that `paddle.distributed.launch` starts. "
        "`train_batch_size` and `infer_batch_size` are the sizes per process. See "
        "[scaling.md](scaling.md).",
    ),
    "cache_dir": Key(
        "output path",
        None,
        "Folder for parsed copies of text data. If not set, it is `~/.cache/paddlemtl`, which "
        "keeps 20 GB; see [training.md](training.md).",
    ),
    "use_visual": Key(
        "bool",
        False,
        "Write loss, metrics, learning rate, speed and a picture of the gates for VisualDL.",
    ),
    "visual_dir": Key(
        "output path", "visualDL_log", "Folder for VisualDL, with one sub-folder per run."
    ),
    "use_auc": Key(
        "bool",
        True,
        "Accepted for PaddleRec's YAMLs, without effect: metrics are reset in every epoch.",
    ),
    "auc_num": at_least(
        0,
        1,
        "Accepted for PaddleRec's YAMLs, without effect: every AUC of a static model is reset in "
        "every epoch.",
    ),
    "CE": Key(
        "bool",
        False,
        "Accepted for PaddleRec's tests, without effect: every run is deterministic.",
    ),
    "use_inference": Key(
        "bool",
        False,
        "`static_trainer.py` saves an inference model, `rec_inference.*`, beside each checkpoint. "
        "`trainer.py` does not; `to_static.py` exports its checkpoints.",
    ),
    "save_inference_feed_varnames": names(
        "Inputs of `rec_inference.*` and of `to_static.py`'s export, which needs all; the inputs "
        "of the net if not set."
    ),
    "save_inference_fetch_varnames": names(
        "Outputs of `rec_inference.*` and of `to_static.py`'s export by task name; all outputs if "
        "not set. Names that old versions of Paddle generated (`clip_0.tmp_0`) are matched by "
        "position, with a warning."
    ),
}

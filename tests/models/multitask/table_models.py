"""Small models of any folder on a table that a test has written."""

import shutil

import yaml

from engine.config.load import load_config
from engine.data import encoding
from engine.model_folder import loading

SIZES = {"expert_num": 2, "expert_size": 4, "tower_size": 3, "exp_per_task": 1, "bottom_size": 6}
DEEP = {"gate_size": [3], "level_number": 2, "ctr_tower_size": [4], "cvr_tower_size": [4]}


def model_on_table(folder, place, settings, task_num=2):
    """Returns a function of options that returns a model's configuration.

    Args:
        folder: the model's folder, which is copied.
        place: the test's folder, with the files of the table in ``train`` and ``test``.
        settings: hyper-parameters.
        task_num: the number of tasks.
    """
    own = place / folder.name
    ignored = shutil.ignore_patterns("*.yaml", "output*")
    shutil.copytree(folder, own, ignore=ignored, dirs_exist_ok=True)
    declared = loading.hyper_parameters(str(own))
    number = {name: task_num for name in ("task_num", "gate_num") if name in declared}
    small = {name: value for name, value in {**SIZES, **DEEP}.items() if name in declared}
    content = {
        "runner": {
            "train_data_dir": str(place / "train"),
            "test_data_dir": str(place / "test"),
            "train_reader_path": "table_reader",
            "train_batch_size": 16,
            "infer_batch_size": 16,
            "epochs": 2,
            "print_interval": 100,
            "model_save_path": str(place / "output"),
            "infer_load_path": str(place / "output"),
        },
        "hyper_parameters": {
            "embedding_size": 3,
            "optimizer": {"class": "adam", "learning_rate": 0.01},
            **number,
            **small,
            **settings,
        },
    }
    (own / "own.yaml").write_text(yaml.safe_dump(content))
    path = str(own / "own.yaml")
    return lambda *options: encoding.complete_config(
        load_config(path, options, loading.hyper_parameters)
    )

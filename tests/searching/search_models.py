"""The YAML of a search, with a validation set and a search space."""

import yaml

SPACE = {
    "hyper_parameters.optimizer.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    "hyper_parameters": {"tower_size": {"choices": [8, [8, 4]]}},
    "runner.train_batch_size": {"low": 4, "high": 8, "step": 4},
}


def change(folder, how):
    """Writes ``search.yaml``: config.yaml with a validation set and a space, changed by ``how``."""
    content = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    content["runner"].update(valid_data_dir="data/valid", epochs=2)
    content["search"] = SPACE
    changed = how(content) or content
    (folder / "search.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")

"""A small configuration, and the hyper-parameters that its model declares."""

BASE = """\
runner:
  train_data_dir: data/train
  train_reader_path: some_reader
  train_batch_size: 4
  epochs: 2
hyper_parameters:
  expert_num: 8
  rate: 0.5
  scaled: True
  name: classic
  sizes: [16, 8]
  optimizer:
    class: adam
"""
DECLARED = {
    "expert_num": 8,
    "rate": 0.5,
    "scaled": True,
    "name": "classic",
    "sizes": [16, 8],
    "optimizer.class": "adam",
    "tower_size": 8,
    "extras": None,
}

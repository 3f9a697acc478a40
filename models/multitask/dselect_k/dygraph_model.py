"""DSelect-k for dygraph training."""

from net import DSelectKLayer

from models.multitask.base_dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `DSelectKLayer`."""

    net_class = DSelectKLayer

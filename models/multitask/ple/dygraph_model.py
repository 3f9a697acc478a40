"""PLE for dygraph training."""

from net import PLELayer

from models.multitask.base import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `PLELayer`."""

    net_class = PLELayer

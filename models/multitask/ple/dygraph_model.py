"""PLE for dygraph training."""

from net import PLELayer

from models.multitask.base_dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `PLELayer`."""

    net_class = PLELayer

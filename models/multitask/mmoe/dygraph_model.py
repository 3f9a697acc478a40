"""MMoE for dygraph training."""

from net import MMoELayer

from models.multitask.base import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `MMoELayer`."""

    net_class = MMoELayer

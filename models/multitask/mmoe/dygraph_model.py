"""MMoE for dygraph training."""

from net import MMoELayer

from models.multitask.base_dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `MMoELayer`."""

    net_class = MMoELayer

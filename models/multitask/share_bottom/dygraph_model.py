"""ShareBottom for dygraph training."""

from net import ShareBottomLayer

from models.multitask.base_dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `ShareBottomLayer`."""

    net_class = ShareBottomLayer

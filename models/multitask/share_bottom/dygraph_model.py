"""ShareBottom for dygraph training."""

from net import ShareBottomLayer

from models.common.contract.dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `ShareBottomLayer`."""

    net_class = ShareBottomLayer

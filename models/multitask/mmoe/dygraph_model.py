"""MMoE for dygraph training."""

from net import MMoELayer

from models.common.contract.dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `MMoELayer`."""

    net_class = MMoELayer

"""PLE for dygraph training."""

from net import PLELayer

from models.common.contract.dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `PLELayer`."""

    net_class = PLELayer

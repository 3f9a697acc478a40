"""MMoE in dygraph."""

from net import MMoELayer

from models.common.contract.dygraph import MultiTaskDygraphModel
from models.common.paddlerec import mmoe


class DygraphModel(MultiTaskDygraphModel):
    """Trains `MMoELayer`."""

    net_class = MMoELayer
    paddlerec = mmoe.NAMES

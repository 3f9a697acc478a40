"""Shared-Bottom in dygraph."""

from net import ShareBottomLayer

from models.common.contract.dygraph import MultiTaskDygraphModel
from models.common.paddlerec import share_bottom


class DygraphModel(MultiTaskDygraphModel):
    """Trains `ShareBottomLayer`."""

    net_class = ShareBottomLayer
    paddlerec = share_bottom.NAMES

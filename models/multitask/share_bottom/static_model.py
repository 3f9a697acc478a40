"""Shared-Bottom in static graph."""

from net import ShareBottomLayer

from models.common.contract.static import MultiTaskStaticModel
from models.common.paddlerec import share_bottom


class StaticModel(MultiTaskStaticModel):
    """Trains `ShareBottomLayer`."""

    net_class = ShareBottomLayer
    paddlerec = share_bottom.NAMES

"""MMoE in static graph."""

from net import MMoELayer

from models.common.contract.static import MultiTaskStaticModel
from models.common.paddlerec import mmoe


class StaticModel(MultiTaskStaticModel):
    """Trains `MMoELayer`."""

    net_class = MMoELayer
    paddlerec = mmoe.NAMES

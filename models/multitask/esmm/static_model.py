"""ESMM in static graph."""

from net import ESMMLayer

from models.common.contract.static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `ESMMLayer`."""

    net_class = ESMMLayer

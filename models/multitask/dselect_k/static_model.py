"""DSelect-k in static graph."""

from net import DSelectKLayer

from models.common.contract.static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `DSelectKLayer`."""

    net_class = DSelectKLayer

"""DSelect-k for static-graph training."""

from net import DSelectKLayer

from models.common.contract.static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `DSelectKLayer`."""

    net_class = DSelectKLayer

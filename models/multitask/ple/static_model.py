"""PLE for static-graph training."""

from net import PLELayer

from models.common.contract.static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `PLELayer`."""

    net_class = PLELayer

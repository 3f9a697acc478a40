"""MMoE for static-graph training."""

from net import MMoELayer

from models.common.contract.static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `MMoELayer`."""

    net_class = MMoELayer

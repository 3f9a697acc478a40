"""MMoE for static-graph training."""

from net import MMoELayer

from models.multitask.base_static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `MMoELayer`."""

    net_class = MMoELayer

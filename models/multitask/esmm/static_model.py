"""ESMM for static-graph training."""

from net import ESMMLayer

from models.multitask.base_static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `ESMMLayer`."""

    net_class = ESMMLayer

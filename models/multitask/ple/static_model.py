"""PLE for static-graph training."""

from net import PLELayer

from models.multitask.base_static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `PLELayer`."""

    net_class = PLELayer

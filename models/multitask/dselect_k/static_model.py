"""DSelect-k for static-graph training."""

from net import DSelectKLayer

from models.multitask.base_static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `DSelectKLayer`."""

    net_class = DSelectKLayer

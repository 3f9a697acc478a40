"""ShareBottom for static-graph training."""

from net import ShareBottomLayer

from models.multitask.base_static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `ShareBottomLayer`."""

    net_class = ShareBottomLayer

"""ShareBottom for static-graph training."""

from net import ShareBottomLayer

from models.common.contract.static import MultiTaskStaticModel


class StaticModel(MultiTaskStaticModel):
    """Trains `ShareBottomLayer`."""

    net_class = ShareBottomLayer

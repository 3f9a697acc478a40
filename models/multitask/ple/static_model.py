"""PLE in static graph."""

from net import PLELayer

from models.common.contract.static import MultiTaskStaticModel
from models.common.paddlerec import ple


class StaticModel(MultiTaskStaticModel):
    """Trains `PLELayer`."""

    net_class = PLELayer
    paddlerec = ple.NAMES

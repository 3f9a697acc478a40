"""PLE in dygraph."""

from net import PLELayer

from models.common.contract.dygraph import MultiTaskDygraphModel
from models.common.paddlerec import ple


class DygraphModel(MultiTaskDygraphModel):
    """Trains `PLELayer`."""

    net_class = PLELayer
    paddlerec = ple.NAMES

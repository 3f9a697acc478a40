"""ESMM in dygraph."""

from net import ESMMLayer

from models.common.contract.dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `ESMMLayer`."""

    net_class = ESMMLayer

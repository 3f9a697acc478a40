"""DSelect-k in dygraph."""

from net import DSelectKLayer

from models.common.contract.dygraph import MultiTaskDygraphModel


class DygraphModel(MultiTaskDygraphModel):
    """Trains `DSelectKLayer`."""

    net_class = DSelectKLayer

"""Shared-Bottom: layers that all tasks share, and one tower per task."""

from __future__ import annotations

from collections.abc import Sequence

from models.common.checks import FeatureSize, Sizes, flat_size, layer_sizes, probability, whole
from models.common.contract.net import MultiTaskNet
from models.common.layers.dense import Towers, mlp
from models.common.layers.image_experts import ImageExpert


class ShareBottomLayer(MultiTaskNet):
    r"""Hard parameter sharing: :math:`y_k = h_k(f(x))`.

    Caruana 1997, "Multitask Learning"; the baseline of Ma et al. 2018.

    Args:
        feature_size: number of input features, or the shape of an image, ``(1, height, width)``.
        task_num: number of tasks.
        bottom_size: size of the shared layer :math:`f`, or of each of its layers.
        tower_size: size of a tower's hidden layer, or of each of several (``[]`` for none).
        dropout: probability that a hidden output is dropped while training.
        output_sizes: the number of logits of each task; 2 each if empty.

    Raises:
        ValueError: an argument is out of range.
    """

    no_images = ""

    def __init__(
        self,
        feature_size: FeatureSize,
        task_num: int = 2,
        bottom_size: Sizes = 117,
        tower_size: Sizes = 8,
        dropout: float = 0.0,
        output_sizes: Sequence[int] = (),
    ):
        super().__init__(whole("task_num", task_num))
        sizes = layer_sizes("bottom_size", bottom_size, minimum=1)
        probability("dropout", dropout)
        if isinstance(feature_size, tuple):
            self.bottom = ImageExpert(feature_size[-1], sizes, dropout)
        else:
            self.bottom = mlp(flat_size(feature_size), sizes, dropout)
        self.towers = Towers(task_num, sizes[-1], tower_size, dropout, output_sizes)

    def logits(self, features):
        """Returns logits ``[task_num, batch, size]`` of features or images."""
        return self.towers(self.bottom(features))

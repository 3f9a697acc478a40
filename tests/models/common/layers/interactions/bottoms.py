"""What the tests of interactions share: features with numbers and fields, parts with numbers."""

import numpy as np
import paddle

from models.common.layers.interactions import registry
from models.common.layout import Layout

# Three numbers, and four fields of five.
LAYOUT = Layout(("dense", *"abcd"), (3, 5, 5, 5, 5), tuple("abcd"), 5)

SECTIONS = [
    {"type": "mlp", "hidden": [8, 6]},
    {"type": "dcn_v2", "hidden": [6]},
    {"type": "dcn_v2", "rank": 2, "experts": 3, "structure": "parallel", "hidden": [6]},
    {"type": "fm"},
    {"type": "masknet", "blocks": [8, 6]},
    {"type": "masknet", "blocks": [8, 6], "structure": "parallel", "reduction": 0.5},
    {"type": "senet", "reduction": 2},
    {"type": "senet", "bilinear": "all"},
    {"type": "senet", "bilinear": "each"},
    {"type": "senet", "bilinear": "interaction"},
]


def name_of(section):
    """Returns the name of a case."""
    return "-".join(str(value) for value in section.values())


def relu(x):
    return np.maximum(x, 0.0)


def features(layout=LAYOUT, rows=6):
    return np.random.default_rng(5).normal(0, 1, (rows, layout.size)).astype("float32")


def made(section, layout=LAYOUT, random=False):
    """Returns a bottom; with random numbers in the biases too if wanted."""
    part = registry.create(section, layout)
    if random:
        rng = np.random.default_rng(3)
        for parameter in part.parameters():
            parameter.set_value(rng.normal(0, 0.5, parameter.shape).astype("float32"))
    return part


def out(part, x):
    """Returns a part's output as an array."""
    return part(paddle.to_tensor(np.asarray(x, "float32"))).numpy()


def set_values(layer, **values):
    """Sets parameters of a layer by name; a number fills the whole parameter."""
    for name, value in values.items():
        parameter = getattr(layer, name)
        array = np.broadcast_to(np.asarray(value, "float32"), parameter.shape)
        parameter.set_value(np.ascontiguousarray(array))


def values_of(layer):
    return {name: value.numpy().astype("f8") for name, value in layer.state_dict().items()}

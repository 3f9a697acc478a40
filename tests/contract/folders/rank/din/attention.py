import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class LocalActivationUnit(nn.Layer):
    def __init__(self, dim, sizes, act):
        super().__init__()
        self.act = getattr(F, act)
        widths = [4 * dim] + sizes + [1]
        self.layers = nn.LayerList([nn.Linear(a, b) for a, b in zip(widths, widths[1:])])

    def forward(self, target, hist, mask):
        query = paddle.expand_as(paddle.unsqueeze(target, 1), hist)
        y = paddle.concat([query, hist, query - hist, query * hist], axis=2)
        for layer in self.layers[:-1]:
            y = self.act(layer(y))
        weight = F.softmax(self.layers[len(self.layers) - 1](y) + mask, axis=1)
        return paddle.sum(weight * hist, axis=1)

import os
import sys

import paddle
import paddle.nn as nn

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common_blocks"))
from fm_block import FM


class DeepFMLayer(nn.Layer):
    def __init__(self, vocab_size, emb_dim, dense_dim, field_num, layer_sizes):
        super(DeepFMLayer, self).__init__()
        self.fm = FM(vocab_size, emb_dim, dense_dim)
        self.in_dim = field_num * emb_dim
        sizes = [self.in_dim] + list(layer_sizes) + [1]
        self.dnn = nn.LayerList([nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])])

    def forward(self, ids, dense):
        first, second, emb = self.fm(ids, dense)
        y = paddle.reshape(emb, [-1, self.in_dim])
        for i, layer in enumerate(self.dnn):
            y = layer(y)
            if i + 1 < len(self.dnn):
                y = nn.functional.relu(y)
        return nn.functional.sigmoid(first + second + y)

import math

import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class DNNLayer(nn.Layer):
    def __init__(self, sparse_num, emb_dim, dense_dim, slot_num, layer_sizes, sync_mode=None):
        super(DNNLayer, self).__init__()
        self.sync_mode = sync_mode
        self.sparse_num = sparse_num
        self.emb_dim = emb_dim
        self.embedding = paddle.nn.Embedding(
            self.sparse_num,
            self.emb_dim,
            sparse=True,
            weight_attr=paddle.ParamAttr(
                name="SparseFeatFactors", initializer=paddle.nn.initializer.Uniform()))
        sizes = [emb_dim * slot_num + dense_dim] + layer_sizes + [2]
        self._mlp_layers = []
        for i in range(len(layer_sizes) + 1):
            linear = paddle.nn.Linear(
                in_features=sizes[i],
                out_features=sizes[i + 1],
                weight_attr=paddle.ParamAttr(
                    initializer=nn.initializer.Normal(std=1.0 / math.sqrt(sizes[i]))))
            self.add_sublayer('linear_%d' % i, linear)
            self._mlp_layers.append(linear)
            if i < len(layer_sizes):
                act = paddle.nn.ReLU()
                self.add_sublayer('act_%d' % i, act)
                self._mlp_layers.append(act)

    def forward(self, sparse_inputs, dense_inputs):
        embs = []
        for s_input in sparse_inputs:
            if self.sync_mode == "gpubox":
                emb = paddle.static.nn.sparse_embedding(
                    input=s_input, size=[self.sparse_num, self.emb_dim])
            else:
                emb = self.embedding(s_input)
            embs.append(paddle.reshape(emb, shape=[-1, self.emb_dim]))
        y = paddle.concat(x=embs + [dense_inputs], axis=1)
        for layer in self._mlp_layers:
            y = layer(y)
        return y

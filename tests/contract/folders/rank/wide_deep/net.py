import paddle
import paddle.nn as nn


class WideDeepLayer(nn.Layer):
    def __init__(self, vocab_size, emb_dim, slot_num, dense_dim, layer_sizes):
        super(WideDeepLayer, self).__init__()
        self.slot_num = slot_num
        self.emb_dim = emb_dim
        self.wide_part = nn.Linear(
            dense_dim, 1,
            weight_attr=paddle.ParamAttr(
                initializer=nn.initializer.TruncatedNormal(mean=0.0, std=0.1)))
        self.embedding = nn.Embedding(
            vocab_size, emb_dim, sparse=False, padding_idx=0,
            weight_attr=paddle.ParamAttr(initializer=nn.initializer.XavierNormal()))
        self.batch_norm = nn.BatchNorm1D(slot_num * emb_dim + dense_dim)
        sizes = [slot_num * emb_dim + dense_dim] + layer_sizes + [1]
        layers = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            layers.append(nn.Linear(n_in, n_out))
            if n_out != 1:
                layers.append(nn.ReLU())
                layers.append(nn.Dropout(p=0.0))
        self.deep = nn.Sequential(*layers)

    def forward(self, sparse_inputs, dense_inputs):
        wide = self.wide_part(dense_inputs)
        emb = self.embedding(sparse_inputs).reshape([-1, self.slot_num * self.emb_dim])
        deep = self.deep(self.batch_norm(paddle.concat([emb, dense_inputs], axis=-1)))
        return nn.functional.sigmoid(wide + deep)

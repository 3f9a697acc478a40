import paddle
import paddle.nn as nn


class FM(nn.Layer):
    def __init__(self, vocab_size, emb_dim, dense_dim):
        super(FM, self).__init__()
        init = paddle.ParamAttr(initializer=nn.initializer.TruncatedNormal(mean=0.0, std=0.1))
        self.bias = paddle.create_parameter(shape=[1], dtype='float32', is_bias=True)
        self.embedding_one = nn.Embedding(vocab_size, 1, sparse=True, weight_attr=init)
        self.embedding = nn.Embedding(vocab_size, emb_dim, sparse=True, weight_attr=init)
        self.dense_w_one = paddle.create_parameter(
            shape=[dense_dim], dtype='float32',
            default_initializer=nn.initializer.Constant(value=1.0))
        self.dense_w = paddle.create_parameter(
            shape=[1, dense_dim, emb_dim], dtype='float32',
            default_initializer=nn.initializer.Constant(value=1.0))

    def forward(self, ids, dense):
        first = paddle.sum(self.embedding_one(ids), 1) + paddle.sum(
            paddle.multiply(dense, self.dense_w_one), 1, keepdim=True) + self.bias
        emb = paddle.concat([self.embedding(ids), paddle.unsqueeze(dense, 2) * self.dense_w], 1)
        second = 0.5 * paddle.sum(
            paddle.square(paddle.sum(emb, 1)) - paddle.sum(paddle.square(emb), 1), 1, keepdim=True)
        return first, second, emb

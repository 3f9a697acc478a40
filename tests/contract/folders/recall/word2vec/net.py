import math
import paddle
import paddle.nn as nn


class Word2VecLayer(nn.Layer):
    def __init__(self, sparse_feature_number, emb_dim, neg_num, emb_name, emb_w_name, emb_b_name):
        super(Word2VecLayer, self).__init__()
        self.emb_dim = emb_dim
        self.neg_num = neg_num
        init_width = 0.5 / emb_dim
        self.embedding = nn.Embedding(
            sparse_feature_number, emb_dim, sparse=True,
            weight_attr=paddle.ParamAttr(
                name=emb_name, initializer=nn.initializer.Uniform(-init_width, init_width)))
        self.embedding_w = nn.Embedding(
            sparse_feature_number, emb_dim, sparse=True,
            weight_attr=paddle.ParamAttr(
                name=emb_w_name, initializer=nn.initializer.Constant(value=0.01)))
        self.embedding_b = nn.Embedding(
            sparse_feature_number, 1, sparse=True,
            weight_attr=paddle.ParamAttr(
                name=emb_b_name, initializer=nn.initializer.Constant(value=0.0)))

    def forward(self, inputs):
        emb = self.embedding(inputs[0])
        true_w, true_b = self.embedding_w(inputs[1]), self.embedding_b(inputs[1])
        neg_w, neg_b = self.embedding_w(inputs[2]), self.embedding_b(inputs[2])
        true_logits = paddle.sum(emb * true_w, axis=-1, keepdim=True) + true_b
        neg_logits = paddle.matmul(emb, neg_w, transpose_y=True) + paddle.transpose(neg_b, [0, 2, 1])
        return true_logits, neg_logits


class Word2VecInferLayer(nn.Layer):
    def __init__(self, sparse_feature_number, emb_dim, emb_name):
        super(Word2VecInferLayer, self).__init__()
        self.embedding = nn.Embedding(
            sparse_feature_number, emb_dim,
            weight_attr=paddle.ParamAttr(name=emb_name, initializer=nn.initializer.XavierUniform()))

    def forward(self, a, b, c, all_label):
        table = self.embedding(all_label)
        target = self.embedding(b) - self.embedding(a) + self.embedding(c)
        table = table / paddle.norm(table, axis=1, keepdim=True)
        dist = paddle.matmul(target, table, transpose_y=True)
        values, pred_idx = paddle.topk(dist, 4)
        return values, pred_idx

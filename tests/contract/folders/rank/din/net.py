import paddle
import paddle.nn as nn
import paddle.nn.functional as F

from attention import LocalActivationUnit


class DINLayer(nn.Layer):
    def __init__(self, item_emb_size, cat_emb_size, act, is_sparse, item_count, cat_count):
        super(DINLayer, self).__init__()
        self.hist_item_emb_attr = nn.Embedding(
            item_count, item_emb_size, sparse=is_sparse,
            weight_attr=paddle.ParamAttr(initializer=nn.initializer.XavierUniform()))
        self.hist_cat_emb_attr = nn.Embedding(
            cat_count, cat_emb_size, sparse=is_sparse,
            weight_attr=paddle.ParamAttr(initializer=nn.initializer.XavierUniform()))
        dim = item_emb_size + cat_emb_size
        self.attention = LocalActivationUnit(dim, [8], act)
        self.item_b_attr = nn.Embedding(
            item_count, 1, sparse=is_sparse,
            weight_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(value=0.0)))
        self.con_layer = [nn.Linear(2 * dim, 8), nn.Linear(8, 1)]
        for i, l in enumerate(self.con_layer):
            self.add_sublayer('con_%d' % i, l)

    def forward(self, hist_item_seq, hist_cat_seq, target_item, target_cat, label, mask):
        hist = paddle.concat([self.hist_item_emb_attr(hist_item_seq), self.hist_cat_emb_attr(hist_cat_seq)], axis=2)
        target = paddle.concat([self.hist_item_emb_attr(target_item), self.hist_cat_emb_attr(target_cat)], axis=1)
        pooled = self.attention(target, hist, mask)
        y = F.sigmoid(self.con_layer[0](paddle.concat([pooled, target], axis=1)))
        logit = self.con_layer[1](y) + self.item_b_attr(target_item)
        avg_loss = F.binary_cross_entropy_with_logits(logit, label, reduction='mean')
        return avg_loss, F.sigmoid(logit)

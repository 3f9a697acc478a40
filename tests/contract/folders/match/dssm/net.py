import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class DSSMLayer(nn.Layer):
    def __init__(self, trigram_d, neg_num, slice_end, fc_sizes, fc_acts):
        super(DSSMLayer, self).__init__()
        self.neg_num = neg_num
        self.slice_end = slice_end
        self._query_layers, self._doc_layers = [], []
        for name, layers in (("query", self._query_layers), ("doc", self._doc_layers)):
            sizes = [trigram_d] + fc_sizes
            for i in range(len(fc_sizes)):
                linear = nn.Linear(
                    sizes[i], sizes[i + 1],
                    weight_attr=paddle.ParamAttr(initializer=nn.initializer.XavierNormal()),
                    bias_attr=paddle.ParamAttr(initializer=nn.initializer.XavierNormal()) if False else None)
                self.add_sublayer('%s_linear_%d' % (name, i), linear)
                layers.append(linear)
                if fc_acts[i] == "relu":
                    act = nn.ReLU()
                    self.add_sublayer('%s_act_%d' % (name, i), act)
                    layers.append(act)

    def tower(self, layers, x):
        for layer in layers:
            x = layer(x)
        return x

    def forward(self, input_data, is_infer):
        query_fc = self.tower(self._query_layers, input_data[0])
        doc_pos_fc = self.tower(self._doc_layers, input_data[1])
        self.query_fc = query_fc
        R_Q_D_p = F.cosine_similarity(query_fc, doc_pos_fc, axis=1).reshape([-1, 1])
        if is_infer:
            return R_Q_D_p, paddle.ones(shape=[self.slice_end, 1])
        R_Q_D_ns = []
        for i in range(len(input_data) - 2):
            neg = self.tower(self._doc_layers, input_data[i + 2])
            R_Q_D_ns.append(F.cosine_similarity(query_fc, neg, axis=1).reshape([-1, 1]))
        prob = F.softmax(paddle.concat(x=[R_Q_D_p] + R_Q_D_ns, axis=-1), axis=1)
        hit_prob = paddle.slice(prob, axes=[0, 1], starts=[0, 0], ends=[self.slice_end, 1])
        return R_Q_D_p, hit_prob

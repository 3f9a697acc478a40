import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class ESCMLayer(nn.Layer):
    def __init__(self, sparse_feature_number, sparse_feature_dim, num_field, ctr_layer_sizes, cvr_layer_sizes,
                 expert_num, expert_size, tower_size, counterfact_mode, feature_size):
        super(ESCMLayer, self).__init__()
        self.num_field = num_field
        self.counterfact_mode = counterfact_mode
        self.expert_num = expert_num
        self.gate_num = 3 if counterfact_mode == "DR" else 2
        self.embedding = nn.Embedding(sparse_feature_number, sparse_feature_dim, padding_idx=0)
        self._param_expert, self._param_gate, self._param_tower, self._param_tower_out = [], [], [], []
        for i in range(expert_num):
            self._param_expert.append(self.add_sublayer('expert_%d' % i, nn.Linear(feature_size, expert_size)))
        for i in range(self.gate_num):
            self._param_gate.append(self.add_sublayer('gate_%d' % i, nn.Linear(feature_size, expert_num)))
            self._param_tower.append(self.add_sublayer('tower_%d' % i, nn.Linear(expert_size, tower_size)))
            self._param_tower_out.append(self.add_sublayer('tower_out_%d' % i, nn.Linear(tower_size, 1)))

    def forward(self, inputs):
        emb = self.embedding(inputs)
        x = paddle.reshape(emb, [-1, emb.shape[1] * emb.shape[2]])
        expert = paddle.stack([F.relu(e(x)) for e in self._param_expert], axis=1)
        outs = []
        for gate, tower, out in zip(self._param_gate, self._param_tower, self._param_tower_out):
            weight = F.softmax(gate(x)).reshape([-1, self.expert_num, 1])
            mixed = paddle.sum(expert * weight, axis=1)
            outs.append(F.sigmoid(out(F.relu(tower(mixed)))))
        out_list = [outs[0], outs[1], paddle.multiply(outs[0], outs[1])]
        if self.counterfact_mode == "DR":
            out_list.append(outs[2])
        return out_list

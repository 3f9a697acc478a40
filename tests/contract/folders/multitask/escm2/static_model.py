import paddle
import paddle.nn.functional as F
from net import ESCMLayer
from loss import ips_loss


class StaticModel():
    def __init__(self, config):
        self.cost = None
        self.infer_target_var = None
        self.config = config

    def hp(self, name):
        return self.config.get("hyper_parameters." + name)

    def create_feeds(self, is_infer=False):
        inputs = [paddle.static.data(name="field_" + str(i), shape=[None, 1], dtype="int64")
                  for i in range(self.hp("num_field"))]
        label_ctr = paddle.static.data(name="ctr", shape=[-1, 1], dtype="int64")
        label_cvr = paddle.static.data(name="cvr", shape=[-1, 1], dtype="int64")
        return inputs + [label_ctr] + [label_cvr]

    def net(self, inputs, is_infer=False):
        model = ESCMLayer(
            self.hp("sparse_feature_number"), self.hp("sparse_feature_dim"), self.hp("num_field"),
            self.hp("ctr_fc_sizes"), self.hp("cvr_fc_sizes"), self.hp("expert_num"), self.hp("expert_size"),
            self.hp("tower_size"), self.hp("counterfact_mode"), self.hp("feature_size"))
        outs = model.forward(paddle.concat(inputs[:-2], axis=1))
        click, conversion = inputs[-2], inputs[-1]
        both = click * conversion
        fetch_dict = {}
        for name, pred, label in zip(["auc_ctr", "auc_cvr", "auc_ctcvr"], outs, [click, conversion, both]):
            fetch_dict[name], _, self.auc_states = paddle.static.auc(
                input=paddle.concat(x=[1 - pred, pred], axis=-1), label=label, num_thresholds=2**12)
        self.infer_target_var = outs[1]
        if is_infer:
            return fetch_dict
        click, conversion, both = [paddle.cast(x, "float32") for x in (click, conversion, both)]
        cost = F.binary_cross_entropy(outs[0], click) + F.binary_cross_entropy(outs[2], both)
        self._cost = cost + self.hp("counterfactual_w") * ips_loss(outs[0], outs[1], click, conversion)
        fetch_dict['cost'] = self._cost
        return fetch_dict

    def create_optimizer(self, strategy=None):
        optimizer = paddle.optimizer.Adam(learning_rate=self.hp("optimizer.learning_rate"))
        optimizer.minimize(self._cost)

    def infer_net(self, input):
        return self.net(input, is_infer=True)

import paddle
import paddle.static as static
from paddle.static import auc as auc_layer

from loss_fn import log_loss


class StaticModel(object):
    def __init__(self, config):
        self.config = config
        self.cost = None
        self.hp = {k.split(".")[-1]: v for k, v in config.items() if k.startswith("hyper_parameters")}

    def create_feeds(self, is_infer=False):
        ids = static.data("ids", [None, self.hp["sparse_inputs_slots"]], "int64")
        dense = static.data("dense", [None, self.hp["dense_input_dim"]], "float32")
        label = static.data("label", [None, 1], "int64")
        return [ids, dense, label]

    def net(self, inputs, is_infer=False):
        ids, dense, label = inputs
        emb = static.nn.embedding(
            input=ids, size=[self.hp["sparse_feature_number"], self.hp["sparse_feature_dim"]],
            is_sparse=True,
            param_attr=paddle.ParamAttr(name="emb_table", initializer=paddle.nn.initializer.Uniform()))
        x = paddle.concat([paddle.flatten(emb, start_axis=1), dense], axis=1)
        for i, size in enumerate(self.hp["fc_sizes"]):
            x = static.nn.fc(x=x, size=size, activation='relu', name="deep_%d" % i)
        wide = static.nn.fc(x=dense, size=1)
        pred = paddle.nn.functional.sigmoid(static.nn.fc(x=x, size=1) + wide)
        self.infer_target_var = pred
        auc, batch_auc_var, _ = auc_layer(
            input=paddle.concat([1 - pred, pred], axis=1), label=label, slide_steps=0)
        acc = static.accuracy(input=paddle.concat([1 - pred, pred], axis=1), label=label)
        if is_infer:
            return {"auc": auc, "acc": acc}
        self.cost = log_loss(pred, paddle.cast(label, "float32"))
        return {"cost": self.cost, "auc": auc, "acc": acc, "pred": pred}

    def create_optimizer(self, strategy=None):
        lr = paddle.optimizer.lr.ExponentialDecay(learning_rate=0.1, gamma=0.9)
        optimizer = paddle.optimizer.Adagrad(learning_rate=lr)
        return optimizer.minimize(self.cost)

    def infer_net(self, inputs):
        return self.net(inputs, is_infer=True)

import paddle
from net import DeepFMLayer


class StaticModel():
    def __init__(self, config):
        self.cost = None
        self.config = config

    def create_feeds(self, is_infer=False):
        n = self.config.get("hyper_parameters.num_field") - self.config.get("hyper_parameters.dense_input_dim")
        dense_input = paddle.static.data(
            name="dense_input", shape=[None, self.config.get("hyper_parameters.dense_input_dim")],
            dtype="float32")
        sparse = [paddle.static.data(name="C%d" % i, shape=[None, 1], dtype="int64") for i in range(n)]
        label = paddle.static.data(name="label", shape=[None, 1], dtype="int64")
        return [label] + sparse + [dense_input]

    def net(self, input, is_infer=False):
        label, dense = input[0], input[-1]
        model = DeepFMLayer(
            self.config.get("hyper_parameters.sparse_feature_number"),
            self.config.get("hyper_parameters.sparse_feature_dim"),
            self.config.get("hyper_parameters.dense_input_dim"),
            self.config.get("hyper_parameters.num_field"),
            self.config.get("hyper_parameters.fc_sizes"))
        pred = model(paddle.concat(input[1:-1], axis=1), dense)
        predict_2d = paddle.concat(x=[1 - pred, pred], axis=1)
        auc, batch_auc_var, _ = paddle.static.auc(input=predict_2d, label=label, slide_steps=0)
        self.inference_target_var = pred
        if is_infer:
            return {'auc': auc}
        cost = paddle.nn.functional.log_loss(input=pred, label=paddle.cast(label, "float32"))
        self._cost = paddle.mean(x=cost)
        return {'cost': self._cost, 'auc': auc}

    def create_optimizer(self, strategy=None):
        optimizer = paddle.optimizer.Adam(
            self.config.get("hyper_parameters.optimizer.learning_rate"), lazy_mode=True)
        optimizer.minimize(self._cost)

    def infer_net(self, input):
        return self.net(input, is_infer=True)

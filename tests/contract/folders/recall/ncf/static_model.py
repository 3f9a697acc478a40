import paddle
from net import NCF_NeuMF_Layer


class StaticModel():
    def __init__(self, config):
        self.config = config

    def create_feeds(self, is_infer=False):
        self.user = paddle.static.data(name="user_input", shape=[-1, 1], dtype="int64")
        self.item = paddle.static.data(name="item_input", shape=[-1, 1], dtype="int64")
        self.label = paddle.static.data(name="label", shape=[-1, 1], dtype="int64")
        return [self.user, self.item, self.label]

    def net(self, inputs, is_infer=False):
        ncf_model = NCF_NeuMF_Layer(
            self.config.get("hyper_parameters.num_users"), self.config.get("hyper_parameters.num_items"),
            self.config.get("hyper_parameters.mf_dim"), self.config.get("hyper_parameters.fc_layers"))
        prediction = ncf_model(inputs)
        self.inference_target_var = prediction
        if is_infer:
            return {"user": self.user, "prediction": prediction, "label": self.label}
        cost = paddle.nn.functional.log_loss(input=prediction, label=paddle.cast(self.label, dtype="float32"))
        avg_cost = paddle.mean(cost)
        self._cost = avg_cost
        fetch_dict = {'cost': avg_cost}
        return fetch_dict

    def create_optimizer(self, strategy=None):
        self.optimizer = paddle.optimizer.Adam(
            learning_rate=self.config.get("hyper_parameters.optimizer.learning_rate"))
        self.optimizer.minimize(self._cost)

    def infer_net(self, input):
        return self.net(input, is_infer=True)

import paddle
import paddle.nn.functional as F

from net import DNNLayer


class StaticModel():
    def __init__(self, config):
        self.cost = None
        self.infer_target_var = None
        self.config = config
        self._init_hyper_parameters()
        self.sync_mode = config.get("runner.sync_mode")

    def _init_hyper_parameters(self):
        self.is_distributed = False
        if self.config.get("hyper_parameters.distributed_embedding", 0) == 1:
            self.is_distributed = True
        self.sparse_feature_number = self.config.get("hyper_parameters.sparse_feature_number")
        self.sparse_feature_dim = self.config.get("hyper_parameters.sparse_feature_dim")
        self.sparse_inputs_slots = self.config.get("hyper_parameters.sparse_inputs_slots")
        self.dense_input_dim = self.config.get("hyper_parameters.dense_input_dim")
        self.learning_rate = self.config.get("hyper_parameters.optimizer.learning_rate")
        self.fc_sizes = self.config.get("hyper_parameters.fc_sizes")

    def create_feeds(self, is_infer=False):
        dense_input = paddle.static.data(
            name="dense_input", shape=[None, self.dense_input_dim], dtype="float32")
        sparse_input_ids = [
            paddle.static.data(name="C" + str(i), shape=[None, 1], dtype="int64")
            for i in range(1, self.sparse_inputs_slots)
        ]
        label = paddle.static.data(name="label", shape=[None, 1], dtype="int64")
        return [label] + sparse_input_ids + [dense_input]

    def net(self, input, is_infer=False):
        self.label_input = input[0]
        self.sparse_inputs = input[1:self.sparse_inputs_slots]
        self.dense_input = input[-1]

        dnn_model = DNNLayer(self.sparse_feature_number, self.sparse_feature_dim,
                             self.dense_input_dim, self.sparse_inputs_slots - 1, self.fc_sizes,
                             sync_mode=self.sync_mode)
        raw_predict_2d = dnn_model.forward(self.sparse_inputs, self.dense_input)
        predict_2d = paddle.nn.functional.softmax(raw_predict_2d)
        self.predict = predict_2d

        auc, batch_auc, [self.batch_stat_pos, self.batch_stat_neg, self.stat_pos,
                         self.stat_neg] = paddle.static.auc(
                             input=self.predict, label=self.label_input,
                             num_thresholds=2**12, slide_steps=20)
        self.inference_target_var = auc
        if is_infer:
            fetch_dict = {'auc': auc}
            return fetch_dict

        cost = paddle.nn.functional.cross_entropy(input=raw_predict_2d, label=self.label_input)
        avg_cost = paddle.mean(x=cost)
        self._cost = avg_cost
        fetch_dict = {'cost': avg_cost, 'auc': auc}
        return fetch_dict

    def create_optimizer(self, strategy=None):
        optimizer = paddle.optimizer.Adam(learning_rate=self.learning_rate, lazy_mode=True)
        if strategy != None:
            import paddle.distributed.fleet as fleet
            optimizer = fleet.distributed_optimizer(optimizer, strategy)
        optimizer.minimize(self._cost)

    def infer_net(self, input):
        return self.net(input, is_infer=True)

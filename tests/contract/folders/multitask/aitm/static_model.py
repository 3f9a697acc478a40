import paddle
import paddle.nn.functional as F
from net import AITM
from vocab import feature_vocabulary


class StaticModel():
    def __init__(self, config):
        self.cost = None
        self.config = config
        self.feature_num = len(config.get("hyper_parameters.vocabulary_sizes"))

    def create_feeds(self, is_infer=False):
        click = paddle.static.data(name='click', shape=[None], dtype='float32')
        conversion = paddle.static.data(name='conversion', shape=[None], dtype='float32')
        features = paddle.static.data(name='features', shape=[None, self.feature_num], dtype='int64')
        feeds_list = [click, conversion, features]
        return feeds_list

    def net(self, input, is_infer=False):
        click, conversion, features = input
        aitm = AITM(
            feature_vocabulary(self.config), self.config.get('hyper_parameters.embedding_size'),
            self.config.get('hyper_parameters.tower_dims'), self.config.get('hyper_parameters.drop_prob'))
        click_pred, conversion_pred = aitm(features)
        self.inference_target_var = [click_pred, conversion_pred]
        aucs = []
        for pred, label in ((click_pred, click), (conversion_pred, conversion)):
            pred = paddle.unsqueeze(pred, 1)
            auc, batch_auc, auc_states = paddle.static.auc(
                input=paddle.concat([1 - pred, pred], 1), label=paddle.cast(paddle.unsqueeze(label, 1), 'int64'),
                num_thresholds=2**12)
            aucs.append(auc)
        if is_infer:
            return {'auc_click': aucs[0], 'auc_conversion': aucs[1]}
        loss = F.binary_cross_entropy(click_pred, click) + F.binary_cross_entropy(conversion_pred, conversion)
        constraint = paddle.maximum(conversion_pred - click_pred, paddle.zeros_like(click))
        self._cost = loss + 0.6 * paddle.sum(constraint)
        return {'loss': self._cost, 'auc_click': aucs[0], 'auc_conversion': aucs[1]}

    def create_optimizer(self, strategy=None):
        optimizer = paddle.optimizer.Adam(
            learning_rate=self.config.get("hyper_parameters.optimizer.learning_rate"), weight_decay=1e-6)
        optimizer.minimize(self._cost)

    def infer_net(self, input):
        return self.net(input, is_infer=True)

import numpy as np
import paddle
import paddle.nn.functional as F

from net import Word2VecInferLayer, Word2VecLayer


class StaticModel(object):
    def __init__(self, config):
        self.cost = None
        self.metrics = {}
        self.config = config
        self.n = config.get("hyper_parameters.sparse_feature_number")
        self.d = config.get("hyper_parameters.sparse_feature_dim")
        self.neg_num = config.get("hyper_parameters.neg_num")

    def create_feeds(self, is_infer=False):
        if is_infer:
            names = ["analogy_a", "analogy_b", "analogy_c", "analogy_d"]
            return [paddle.static.data(name=n, shape=[None], dtype='int64') for n in names]
        return [paddle.static.data(name="input_word", shape=[None, 1], dtype='int64'),
                paddle.static.data(name='true_label', shape=[None, 1], dtype='int64'),
                paddle.static.data(name='neg_label', shape=[None, self.neg_num], dtype='int64')]

    def net(self, inputs, is_infer=False):
        word2vec = Word2VecLayer(self.n, self.d, self.neg_num, emb_name="emb", emb_w_name="emb_w", emb_b_name="emb_b")
        true_logits, neg_logits = word2vec.forward(inputs)
        label_ones = paddle.full(shape=[paddle.shape(true_logits)[0], 1, 1], fill_value=1.0)
        label_zeros = paddle.full(shape=[paddle.shape(true_logits)[0], 1, self.neg_num], fill_value=0.0)
        cost = paddle.sum(F.binary_cross_entropy_with_logits(true_logits, label_ones, reduction='none'), axis=[1, 2]) \
            + paddle.sum(F.binary_cross_entropy_with_logits(neg_logits, label_zeros, reduction='none'), axis=[1, 2])
        avg_cost = paddle.mean(cost)
        self._cost = avg_cost
        global_right_cnt = avg_cost * 0.0
        return {'loss': avg_cost, 'words': true_logits}

    def create_optimizer(self, strategy=None):
        lr = paddle.optimizer.lr.ExponentialDecay(
            learning_rate=self.config.get("hyper_parameters.optimizer.learning_rate"), gamma=0.999)
        optimizer = paddle.optimizer.SGD(learning_rate=lr)
        optimizer.minimize(self._cost)

    def infer_net(self, input):
        all_label = paddle.assign(np.arange(self.n).astype("int64"))
        word2vec = Word2VecInferLayer(self.n, self.d, "emb")
        val, pred_idx = word2vec.forward(input[0], input[1], input[2], all_label)
        hit = paddle.cast(paddle.equal(pred_idx, paddle.reshape(input[3], [-1, 1])), "float32")
        return {'pred_idx': pred_idx, "hits": paddle.sum(hit)}

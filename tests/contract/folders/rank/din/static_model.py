import paddle
from net import DINLayer


class StaticModel():
    def __init__(self, config):
        self.cost = None
        self.config = config

    def create_feeds(self, is_infer=False):
        hist_item_seq = paddle.static.data(name="hist_item_seq", shape=[None, None], dtype="int64")
        hist_cat_seq = paddle.static.data(name="hist_cat_seq", shape=[None, None], dtype="int64")
        target_item = paddle.static.data(name="target_item", shape=[None], dtype="int64")
        target_cat = paddle.static.data(name="target_cat", shape=[None], dtype="int64")
        label = paddle.static.data(name="label", shape=[-1, 1], dtype="float32")
        mask = paddle.static.data(name="mask", shape=[None, None, 1], dtype="float32")
        return [hist_item_seq, hist_cat_seq, target_item, target_cat, label, mask]

    def net(self, inputs, is_infer=False):
        layer = DINLayer(
            self.config.get("hyper_parameters.item_emb_size"),
            self.config.get("hyper_parameters.cat_emb_size"),
            self.config.get("hyper_parameters.act"),
            self.config.get("hyper_parameters.is_sparse"),
            self.config.get("hyper_parameters.item_count"),
            self.config.get("hyper_parameters.cat_count"))
        avg_loss, pred = layer.forward(*inputs)
        predict_2d = paddle.concat([1 - pred, pred], 1)
        label_int = paddle.cast(inputs[4], 'int64')
        auc, batch_auc, _ = paddle.static.auc(input=predict_2d, label=label_int, slide_steps=0)
        self.inference_target_var = auc
        if is_infer:
            fetch_dict = {'auc': auc}
            return fetch_dict
        self._cost = avg_loss
        return {'auc': auc, 'cost': avg_loss}

    def create_optimizer(self, strategy=None):
        boundaries = [410000]
        values = [self.config.get("hyper_parameters.optimizer.learning_rate_base_lr"), 0.2]
        sgd_optimizer = paddle.optimizer.SGD(
            learning_rate=paddle.optimizer.lr.PiecewiseDecay(boundaries=boundaries, values=values))
        sgd_optimizer.minimize(self._cost)

    def infer_net(self, input):
        return self.net(input, is_infer=True)

import numpy as np
import paddle
import paddle.nn.functional as F
import net


class Recall(object):
    def __init__(self):
        self.clear()

    def clear(self):
        self.hit = self.total = 0

    def update(self, idx, label):
        self.hit += int((idx == label).any(axis=1).sum())
        self.total += len(idx)

    def accumulate(self):
        return self.hit / max(self.total, 1)


class DygraphModel():
    def create_model(self, config):
        self.num = config.get("hyper_parameters.sparse_feature_number")
        return net.Word2VecLayer(
            self.num, config.get("hyper_parameters.sparse_feature_dim"),
            config.get("hyper_parameters.neg_num"), emb_name="emb", emb_w_name="emb_w", emb_b_name="emb_b")

    def create_feeds(self, batch):
        return [x.astype('int64').reshape([-1, x.shape[-1]]) for x in batch]

    def create_loss(self, logits):
        true_logits, neg_logits = logits
        one, zero = paddle.ones_like(true_logits), paddle.zeros_like(neg_logits)
        return paddle.mean(
            paddle.sum(F.binary_cross_entropy_with_logits(true_logits, one, reduction='none'), axis=[1, 2]) +
            paddle.sum(F.binary_cross_entropy_with_logits(neg_logits, zero, reduction='none'), axis=[1, 2]))

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        decay = paddle.optimizer.lr.ExponentialDecay(learning_rate=lr, gamma=0.999)
        return paddle.optimizer.SGD(learning_rate=decay, parameters=dy_model.parameters())

    def create_metrics(self):
        metrics_list_name = []
        metrics_list = []
        return metrics_list, metrics_list_name

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        loss = self.create_loss(dy_model.forward(self.create_feeds(batch_data)))
        return loss, metrics_list, {'LOSS': loss}

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        a, b, c, label = batch_data[:4]
        emb = dy_model.embedding
        table = emb(paddle.arange(self.num))
        dist = paddle.matmul(emb(b) - emb(a) + emb(c), table, transpose_y=True)
        pred_idx = paddle.topk(dist, 4)[1]
        recall = Recall()
        recall.update(pred_idx.numpy(), label.numpy().reshape([-1, 1]))
        return metrics_list, {"recall": paddle.to_tensor(recall.accumulate()), "idx": pred_idx[0]}

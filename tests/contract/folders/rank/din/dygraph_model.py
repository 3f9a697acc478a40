import paddle
import paddle.nn as nn
import math

import net


class DygraphModel():
    def create_model(self, config):
        return net.DINLayer(
            config.get("hyper_parameters.item_emb_size"),
            config.get("hyper_parameters.cat_emb_size"),
            config.get("hyper_parameters.act"),
            config.get("hyper_parameters.is_sparse"),
            config.get("hyper_parameters.item_count"),
            config.get("hyper_parameters.cat_count"))

    def create_feeds(self, batch_data, config):
        return batch_data

    def create_optimizer(self, dy_model, config):
        boundaries = [410000]
        base_lr = config.get("hyper_parameters.optimizer.learning_rate_base_lr")
        values = [base_lr, 0.2]
        sgd_optimizer = paddle.optimizer.SGD(
            learning_rate=paddle.optimizer.lr.PiecewiseDecay(boundaries=boundaries, values=values),
            parameters=dy_model.parameters(),
            grad_clip=nn.ClipGradByGlobalNorm(clip_norm=5.0))
        return sgd_optimizer

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def forward(self, dy_model, metrics_list, batch_data, config):
        hist, cats, item, cat, label, mask = self.create_feeds(batch_data, config)
        avg_loss, pred = dy_model.forward(hist, cats, item, cat, label, mask)
        metrics_list[0].update(
            preds=paddle.concat([1 - pred, pred], axis=1).numpy(), labels=label.numpy().astype("int64"))
        return avg_loss

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        loss = self.forward(dy_model, metrics_list, batch_data, config)
        return loss, metrics_list, {'loss': loss}

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        self.forward(dy_model, metrics_list, batch_data, config)
        return metrics_list, None

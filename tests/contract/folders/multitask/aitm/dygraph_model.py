import paddle
import paddle.nn.functional as F
from net import AITM
from vocab import feature_vocabulary


class DygraphModel():
    def create_model(self, config):
        return AITM(
            feature_vocabulary(config), config.get('hyper_parameters.embedding_size'),
            config.get('hyper_parameters.tower_dims'), config.get('hyper_parameters.drop_prob'))

    def create_feeds(self, batch_data, config):
        click, conversion, features = batch_data
        return click.astype('float32'), conversion.astype('float32'), features

    def create_loss(self, click_pred, conversion_pred, click_label, conversion_label, constraint_weight=0.6):
        click_loss = F.binary_cross_entropy(click_pred, click_label)
        conversion_loss = F.binary_cross_entropy(conversion_pred, conversion_label)
        label_constraint = paddle.maximum(conversion_pred - click_pred, paddle.zeros_like(click_label))
        return click_loss + conversion_loss + constraint_weight * paddle.sum(label_constraint)

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        return paddle.optimizer.Adam(parameters=dy_model.parameters(), learning_rate=lr, weight_decay=1e-6)

    def create_metrics(self):
        metrics_list_name = ["click_auc", "purchase_auc"]
        auc_metric = [paddle.metric.Auc(num_thresholds=100000), paddle.metric.Auc(num_thresholds=100000)]
        return auc_metric, metrics_list_name

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        click, conversion, features = self.create_feeds(batch_data, config)
        click_pred, conversion_pred = dy_model.forward(features)
        loss = self.create_loss(click_pred, conversion_pred, click, conversion)
        self.update(metrics_list, (click_pred, conversion_pred), (click, conversion))
        return loss, metrics_list, {'loss': loss}

    def update(self, metrics_list, preds, labels):
        for metric, pred, label in zip(metrics_list, preds, labels):
            pred = paddle.unsqueeze(pred, axis=1)
            metric.update(preds=paddle.concat([1 - pred, pred], 1).numpy(), labels=label.numpy())

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        click, conversion, features = self.create_feeds(batch_data, config)
        with paddle.no_grad():
            self.update(metrics_list, dy_model.forward(features), (click, conversion))
        return metrics_list, None

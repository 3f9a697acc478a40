import paddle
import net
from loss_fn import log_loss


class DygraphModel():
    def create_model(self, config):
        self.bs = config.get('runner.train_batch_size')
        return net.WideDeepLayer(
            config.get("hyper_parameters.sparse_feature_number"),
            config.get("hyper_parameters.sparse_feature_dim"),
            config.get("hyper_parameters.sparse_inputs_slots"),
            config.get("hyper_parameters.dense_input_dim"),
            config.get("hyper_parameters.fc_sizes"))

    def create_feeds(self, batch):
        return paddle.cast(batch["label"], 'float32').reshape([-1, 1]), batch["ids"], batch["dense"]

    def create_loss(self, pred, label):
        return log_loss(pred, label)

    def create_optimizer(self, dy_model, config):
        scheduler = paddle.optimizer.lr.PiecewiseDecay(boundaries=[4, 8], values=[0.1, 0.05, 0.01])
        self.scheduler = scheduler
        return paddle.optimizer.SGD(
            learning_rate=scheduler, parameters=dy_model.parameters(),
            weight_decay=paddle.regularizer.L2Decay(1e-5))

    def create_metrics(self):
        metrics_list_name = ["auc", "precision", "acc"]
        return [paddle.metric.Auc("ROC"), paddle.metric.Precision(),
                paddle.metric.Accuracy()], metrics_list_name

    def _update(self, metrics_list, pred, label):
        two = paddle.concat(x=[1 - pred, pred], axis=-1)
        metrics_list[0].update(preds=two.numpy(), labels=label.numpy())
        metrics_list[1].update(preds=pred.numpy(), labels=label.numpy().astype("int64"))
        correct = metrics_list[2].compute(two, label.astype("int64"))
        metrics_list[2].update(correct)

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        label, ids, dense = self.create_feeds(batch_data)
        pred = dy_model.forward(ids, dense)
        loss = self.create_loss(pred, label)
        self._update(metrics_list, pred, label)
        self.scheduler.step()
        return loss, metrics_list, {'loss': loss, 'pred_sum': paddle.sum(pred), "lr": self.scheduler.get_lr()}

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        label, ids, dense = self.create_feeds(batch_data)
        self._update(metrics_list, dy_model.forward(ids, dense), label)
        return metrics_list, None

import paddle
import net


class DygraphModel():
    def create_model(self, config):
        return net.DeepFMLayer(
            config.get("hyper_parameters.sparse_feature_number"),
            config.get("hyper_parameters.sparse_feature_dim"),
            config.get('hyper_parameters.dense_input_dim'),
            config.get('hyper_parameters.num_field'),
            config.get("hyper_parameters.fc_sizes"))

    def create_feeds(self, batch_data, config):
        label = paddle.cast(batch_data[0], 'float32')
        ids = paddle.concat(batch_data[1:4], axis=1)
        return label, ids, batch_data[4]

    def create_optimizer(self, dy_model, config):
        lr = float(config.get("hyper_parameters.optimizer.learning_rate", 0.001))
        return paddle.optimizer.Adam(learning_rate=lr, parameters=dy_model.parameters(), lazy_mode=True)

    def create_metrics(self):
        metrics_list_name = ["auc"]
        auc_metric = paddle.metric.Auc("ROC")
        metrics_list = [auc_metric]
        return metrics_list, metrics_list_name

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        label, ids, dense = self.create_feeds(batch_data, config)
        pred = dy_model(ids, dense)
        loss = paddle.mean(paddle.nn.functional.log_loss(input=pred, label=label))
        predict_2d = paddle.concat(x=[1 - pred, pred], axis=1)
        metrics_list[0].update(preds=predict_2d.numpy(), labels=label.numpy())
        # a vector: the first predictions
        return loss, metrics_list, {'loss': loss, 'first_preds': pred[:3].flatten()}

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        label, ids, dense = self.create_feeds(batch_data, config)
        pred = dy_model(ids, dense)
        predict_2d = paddle.concat(x=[1 - pred, pred], axis=1)
        metrics_list[0].update(preds=predict_2d.numpy(), labels=label.numpy())
        return metrics_list, {'preds': pred[:2]}

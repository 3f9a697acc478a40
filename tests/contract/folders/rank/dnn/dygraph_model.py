import paddle
import paddle.nn.functional as F

import net


class DygraphModel():
    # define model
    def create_model(self, config):
        size = config.get("hyper_parameters.sparse_feature_number")
        dim = config.get("hyper_parameters.sparse_feature_dim")
        fc_sizes = config.get("hyper_parameters.fc_sizes")
        self.slot_num = config.get("hyper_parameters.sparse_inputs_slots")
        dense_dim = config.get('hyper_parameters.dense_input_dim')
        return net.DNNLayer(size, dim, dense_dim, self.slot_num - 1, fc_sizes)

    def create_feeds(self, batch_data, config):
        dense_dim = config.get('hyper_parameters.dense_input_dim')
        label = batch_data[0]
        sparse_tensor = []
        for b in batch_data[1:-1]:
            sparse_tensor.append(paddle.to_tensor(b.numpy().astype('int64').reshape(-1, 1)))
        dense = paddle.to_tensor(batch_data[-1].numpy().astype('float32').reshape(-1, dense_dim))
        return label, sparse_tensor, dense

    def create_loss(self, raw_predict, label):
        cost = paddle.nn.functional.cross_entropy(input=raw_predict, label=label)
        return paddle.mean(x=cost)

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        return paddle.optimizer.Adam(
            learning_rate=lr, parameters=dy_model.parameters(), lazy_mode=True)

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        label, sparse_tensor, dense_tensor = self.create_feeds(batch_data, config)
        raw = dy_model.forward(sparse_tensor, dense_tensor)
        loss = self.create_loss(raw, label)
        predict = paddle.nn.functional.softmax(raw)
        metrics_list[0].update(preds=predict.numpy(), labels=label.numpy())
        print_dict = {'loss': loss}
        # print_dict = None
        return loss, metrics_list, print_dict

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        label, sparse_tensor, dense_tensor = self.create_feeds(batch_data, config)
        predict = F.softmax(dy_model.forward(sparse_tensor, dense_tensor))
        metrics_list[0].update(preds=predict.numpy(), labels=label.numpy())
        return metrics_list, None

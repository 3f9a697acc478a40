import paddle
from net import DSSMLayer


class DygraphModel():
    def create_model(self, config):
        self.trigram_d = config.get('hyper_parameters.trigram_d', None)
        return DSSMLayer(
            self.trigram_d, config.get('hyper_parameters.neg_num'), config.get('hyper_parameters.slice_end'),
            config.get('hyper_parameters.fc_sizes'), config.get('hyper_parameters.fc_acts'))

    def create_feeds_train(self, batch_data, trigram_d):
        return [paddle.to_tensor(x.numpy().astype('float32').reshape(-1, trigram_d)) for x in batch_data]

    create_feeds_infer = create_feeds_train

    def create_loss(self, hit_prob):
        loss = -paddle.sum(paddle.log(hit_prob), axis=-1)
        return paddle.mean(x=loss)

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        return paddle.optimizer.Adam(learning_rate=lr, parameters=dy_model.parameters())

    def create_metrics(self):
        metrics_list_name = []
        return [], metrics_list_name

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        inputs = self.create_feeds_train(batch_data, self.trigram_d)
        R_Q_D_p, hit_prob = dy_model.forward(inputs, False)
        return self.create_loss(hit_prob), metrics_list, {'loss': self.create_loss(hit_prob)}

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        R_Q_D_p, _ = dy_model.forward(self.create_feeds_infer(batch_data, self.trigram_d), True)
        return metrics_list, {'query_doc_sim': R_Q_D_p}

import paddle
import paddle.nn as nn
import paddle.nn.functional as F
import numpy as np
import net


class DygraphModel():
    def create_model(self, config):
        return net.NCF_NeuMF_Layer(
            config.get("hyper_parameters.num_users"), config.get("hyper_parameters.num_items"),
            config.get("hyper_parameters.mf_dim"), config.get("hyper_parameters.fc_layers"))

    def create_feeds(self, batch, config):
        return [batch[0].reshape([-1, 1]), batch[1].reshape([-1, 1]), batch[2].astype("float32").reshape([-1, 1])]

    def create_loss(self, prediction, label):
        return paddle.mean(nn.functional.log_loss(input=prediction, label=label))

    def create_optimizer(self, dy_model, config):
        return paddle.optimizer.Adam(
            learning_rate=config.get("hyper_parameters.optimizer.learning_rate"), parameters=dy_model.parameters())

    def create_metrics(self):
        return [], []

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        feeds = self.create_feeds(batch_data, config)
        loss = self.create_loss(dy_model(feeds), feeds[2])
        print_dict = None
        return loss, metrics_list, print_dict

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        prediction = dy_model(self.create_feeds(batch_data, config))
        return metrics_list, {"prediction": prediction.numpy()}

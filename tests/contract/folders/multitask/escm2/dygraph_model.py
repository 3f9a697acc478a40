import paddle
import paddle.nn.functional as F
import net
from loss import ips_loss


class DygraphModel():
    def create_model(self, config):
        hp = lambda name: config.get("hyper_parameters." + name)
        self.max_len = hp("max_len")
        return net.ESCMLayer(
            hp("sparse_feature_number"), hp("sparse_feature_dim"), hp("num_field"), hp("ctr_fc_sizes"),
            hp("cvr_fc_sizes"), hp("expert_num"), hp("expert_size"), hp("tower_size"),
            hp("counterfact_mode"), hp("feature_size"))

    def create_feeds(self, batch_data, config):
        ids = paddle.concat([b.reshape([-1, 1]) for b in batch_data[:-2]], axis=1)
        return ids, batch_data[-2].reshape([-1, 1]).astype("float32"), batch_data[-1].reshape([-1, 1]).astype("float32")

    def create_optimizer(self, dy_model, config):
        return paddle.optimizer.Adam(
            learning_rate=config.get("hyper_parameters.optimizer.learning_rate", 0.001),
            parameters=dy_model.parameters())

    def create_metrics(self):
        names = ["auc_ctr", "auc_cvr", "auc_ctcvr"]
        return [paddle.metric.Auc("ROC") for _ in names], names

    def two(self, pred):
        return paddle.concat(x=[1 - pred, pred], axis=-1).numpy()

    def run(self, dy_model, metrics_list, batch_data, config):
        ids, click, conversion = self.create_feeds(batch_data, config)
        outs = dy_model.forward(ids)
        for metric, pred, label in zip(metrics_list, outs, [click, conversion, click * conversion]):
            metric.update(preds=self.two(pred), labels=label.numpy())
        return outs, click, conversion

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        outs, click, conversion = self.run(dy_model, metrics_list, batch_data, config)
        loss_ctr = F.binary_cross_entropy(outs[0], click)
        loss_cvr = ips_loss(outs[0], outs[1], click, conversion)
        loss_ctcvr = F.binary_cross_entropy(outs[2], click * conversion)
        loss = loss_ctr + config.get("hyper_parameters.counterfactual_w") * loss_cvr + loss_ctcvr
        print_dict = {'loss': loss, 'loss_ctr': loss_ctr, 'loss_cvr': loss_cvr.numpy()}
        return loss, metrics_list, print_dict

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        self.run(dy_model, metrics_list, batch_data, config)
        return metrics_list, None

import paddle
from net import Shared

TASKS = ["a", "b", "c", "d", "e"]


class DygraphModel:
    def create_model(self, config):
        return Shared(101, config.get("hyper_parameters.dim"), 4, len(TASKS))

    def create_optimizer(self, model, config):
        return paddle.optimizer.Adam(0.02, parameters=model.parameters())

    def create_metrics(self):
        return [paddle.metric.Auc() for _ in TASKS], ["auc_" + t for t in TASKS]

    def outputs(self, model, metrics, batch):
        outs = model(batch[0])
        labels = [batch[1][:, i:i + 1] for i in range(len(TASKS))]
        for metric, out, label in zip(metrics, outs, labels):
            metric.update(preds=out, labels=label)
        return outs, labels

    def train_forward(self, model, metrics, batch, config):
        outs, labels = self.outputs(model, metrics, batch)
        losses = [paddle.mean(-paddle.log(paddle.take_along_axis(o, l, 1) + 1e-8)) for o, l in zip(outs, labels)]
        return paddle.add_n(losses), metrics, {"losses": paddle.stack(losses)}

    def infer_forward(self, model, metrics, batch, config):
        self.outputs(model, metrics, batch)
        return metrics, {}

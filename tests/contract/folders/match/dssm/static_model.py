import paddle
from net import DSSMLayer


class StaticModel():
    def __init__(self, config):
        self.cost = None
        self.config = config
        self.neg_num = config.get('hyper_parameters.neg_num')
        self.trigram_d = config.get('hyper_parameters.trigram_d')

    def create_feeds(self, is_infer=False):
        query = paddle.static.data(name="query", shape=[-1, self.trigram_d], dtype='float32')
        doc_pos = paddle.static.data(name="doc_pos", shape=[-1, self.trigram_d], dtype='float32')
        if is_infer:
            return [query, doc_pos]
        doc_negs = [
            paddle.static.data(name="doc_neg_" + str(i), shape=[-1, self.trigram_d], dtype="float32")
            for i in range(self.neg_num)
        ]
        feeds_list = [query, doc_pos] + doc_negs
        return feeds_list

    def net(self, input, is_infer=False):
        dssm_model = DSSMLayer(
            self.trigram_d, self.neg_num, self.config.get('hyper_parameters.slice_end'),
            self.config.get('hyper_parameters.fc_sizes'), self.config.get('hyper_parameters.fc_acts'))
        R_Q_D_p, hit_prob = dssm_model.forward(input, is_infer)
        self.inference_target_var = R_Q_D_p
        if is_infer:
            fetch_dict = {'query_doc_sim': R_Q_D_p}
            return fetch_dict
        loss = -paddle.sum(paddle.log(hit_prob), axis=-1)
        avg_cost = paddle.mean(x=loss)
        self._cost = avg_cost
        return {'Loss': avg_cost}

    def create_optimizer(self, strategy=None):
        optimizer = paddle.optimizer.Adam(learning_rate=self.config.get("hyper_parameters.optimizer.learning_rate"))
        if strategy != None:
            import paddle.distributed.fleet as fleet
            optimizer = fleet.distributed_optimizer(optimizer, strategy)
        optimizer.minimize(self._cost)

    def infer_net(self, input):
        return self.net(input, is_infer=True)

import paddle
import paddle.nn as nn


class NCF_NeuMF_Layer(nn.Layer):
    def __init__(self, num_users, num_items, mf_dim, layers):
        super(NCF_NeuMF_Layer, self).__init__()
        normal = paddle.ParamAttr(
            initializer=nn.initializer.Normal(mean=0.0, std=0.1), regularizer=paddle.regularizer.L2Decay(coeff=0))
        self.MF_Embedding_User = nn.Embedding(num_users, mf_dim, weight_attr=normal)
        self.MF_Embedding_Item = nn.Embedding(num_items, mf_dim, weight_attr=normal)
        self.MLP_Embedding_User = nn.Embedding(num_users, layers[0] // 2, weight_attr=normal)
        self.MLP_Embedding_Item = nn.Embedding(num_items, layers[0] // 2, weight_attr=normal)
        self.MLP_fc = []
        for i in range(1, len(layers)):
            fc = self.add_sublayer('layer_%d' % i, nn.Linear(layers[i - 1], layers[i], name='layer_%d' % i))
            self.MLP_fc.append(fc)
            self.MLP_fc.append(self.add_sublayer('act_%d' % i, nn.ReLU()))
        self.prediction = nn.Linear(mf_dim + layers[-1], 1, name='prediction')
        self.sigmoid = nn.Sigmoid()

    def forward(self, input_data):
        user, item, _ = input_data
        mf = paddle.multiply(
            paddle.flatten(self.MF_Embedding_User(user), 1, 2), paddle.flatten(self.MF_Embedding_Item(item), 1, 2))
        mlp = paddle.concat(
            [paddle.flatten(self.MLP_Embedding_User(user), 1, 2), paddle.flatten(self.MLP_Embedding_Item(item), 1, 2)],
            axis=-1)
        for n_layer in self.MLP_fc:
            mlp = n_layer(mlp)
        return self.sigmoid(self.prediction(paddle.concat([mf, mlp], axis=-1)))

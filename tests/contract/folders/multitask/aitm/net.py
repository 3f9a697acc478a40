import math
import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class Tower(nn.Layer):
    def __init__(self, input_dim, dims=[16, 8], drop_prob=[0.1, 0.3]):
        super(Tower, self).__init__()
        self.dims = dims
        self.drop_prob = drop_prob
        self.layer = nn.Sequential(
            nn.Linear(input_dim, dims[0]), nn.ReLU(), nn.Dropout(drop_prob[0]),
            nn.Linear(dims[0], dims[1]), nn.ReLU(), nn.Dropout(drop_prob[1]))

    def forward(self, x):
        x = paddle.flatten(x, start_axis=1)
        return self.layer(x)


class Attention(nn.Layer):
    def __init__(self, dim=8):
        super(Attention, self).__init__()
        self.dim = dim
        self.q_layer = nn.Linear(dim, dim, bias_attr=False)
        self.k_layer = nn.Linear(dim, dim, bias_attr=False)
        self.v_layer = nn.Linear(dim, dim, bias_attr=False)
        self.softmax = nn.Softmax(axis=1)

    def forward(self, inputs):
        Q, K, V = self.q_layer(inputs), self.k_layer(inputs), self.v_layer(inputs)
        a = paddle.sum(paddle.multiply(Q, K), axis=-1) / math.sqrt(self.dim)
        a = self.softmax(a)
        return paddle.sum(paddle.multiply(paddle.unsqueeze(a, axis=-1), V), axis=1)


class AITM(nn.Layer):
    def __init__(self, feature_vocabulary, embedding_size, tower_dims=[16, 8], drop_prob=[0.0, 0.0]):
        super(AITM, self).__init__()
        self.feature_names = sorted(list(feature_vocabulary.keys()))
        self.embedding_dict = nn.LayerList()
        self.__init_weight(feature_vocabulary, embedding_size)
        dim = len(feature_vocabulary) * embedding_size
        self.click_tower = Tower(dim, tower_dims, drop_prob)
        self.conversion_tower = Tower(dim, tower_dims, drop_prob)
        self.attention_layer = Attention(tower_dims[-1])
        self.info_layer = nn.Sequential(nn.Linear(tower_dims[-1], tower_dims[-1]), nn.ReLU())
        self.click_layer = nn.Sequential(nn.Linear(tower_dims[-1], 1), nn.Sigmoid())
        self.conversion_layer = nn.Sequential(nn.Linear(tower_dims[-1], 1), nn.Sigmoid())

    def __init_weight(self, feature_vocabulary, embedding_size):
        for name in self.feature_names:
            emb = nn.Embedding(
                feature_vocabulary[name], embedding_size,
                weight_attr=nn.initializer.Normal(mean=0.0, std=0.05))
            self.embedding_dict.append(emb)

    def forward(self, x):
        feature_embedding = []
        for i in range(len(self.feature_names)):
            feature_embedding.append(self.embedding_dict[i](x[:, i]))
        feature_embedding = paddle.concat(feature_embedding, axis=1)
        tower_click = self.click_tower(feature_embedding)
        tower_conversion = paddle.unsqueeze(self.conversion_tower(feature_embedding), axis=1)
        info = paddle.unsqueeze(self.info_layer(tower_click), axis=1)
        ait = self.attention_layer(paddle.concat([tower_conversion, info], axis=1))
        click = paddle.squeeze(self.click_layer(tower_click), axis=1)
        conversion = paddle.squeeze(self.conversion_layer(ait), axis=1)
        return click, conversion

import paddle
import paddle.nn as nn


class Shared(nn.Layer):
    def __init__(self, num, dim, fields, tasks):
        super(Shared, self).__init__()
        self.emb = nn.Embedding(num, dim)
        self.bottom = nn.Linear(fields * dim, 8)
        self.towers = nn.LayerList([nn.Linear(8, 2) for _ in range(tasks)])

    def forward(self, ids):
        x = nn.functional.relu(self.bottom(paddle.flatten(self.emb(ids), 1)))
        return tuple(nn.functional.softmax(tower(x)) for tower in self.towers)

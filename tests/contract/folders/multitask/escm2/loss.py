import paddle
import paddle.nn.functional as F


def ips_loss(ctr, cvr, click, conversion, floor=0.05):
    weight = click / paddle.clip(ctr.detach(), min=floor, max=1.0)
    each = F.binary_cross_entropy(cvr, conversion, reduction='none')
    return paddle.mean(weight * each)

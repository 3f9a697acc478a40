import paddle


def log_loss(pred, label):
    cost = paddle.nn.functional.log_loss(input=pred, label=label)
    return paddle.mean(x=cost)

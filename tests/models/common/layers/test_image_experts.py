"""Experts computed together against plain convolutional nets, one after the other."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from models.common.layers.image_experts import ImageExpert, ImageExperts

EXPERTS, OUT = 8, 5


class Plain(nn.Layer):
    """LeNet's form as anybody would write it: one expert."""

    def __init__(self, image_size):
        super().__init__()
        self.first, self.second = nn.Conv2D(1, 10, 5), nn.Conv2D(10, 20, 5)
        self.side = ((image_size - 4) // 2 - 4) // 2
        self.last = nn.Linear(20 * self.side**2, OUT)

    def forward(self, images):
        x = F.relu(F.max_pool2d(self.first(images), 2))
        x = F.relu(F.max_pool2d(self.second(x), 2))
        return F.relu(self.last(x.flatten(1)))


def parts_of(together, number):
    """One expert's own numbers out of the wide layers', as a plain expert names them.

    Args:
        together: arrays by the names of `ImageExperts`, parameters or their gradients.
        number: which expert.
    """
    last = together["last.weight"][number].reshape(-1, 20, OUT)  # positions, channels, outputs
    ten, twenty = slice(10 * number, 10 * (number + 1)), slice(20 * number, 20 * (number + 1))
    return {
        "first.weight": together["first_weight"][:, ten].T.reshape(10, 1, 5, 5),
        "first.bias": together["first_bias"][ten],
        "second.weight": together["second.weight"][twenty],
        "second.bias": together["second_bias"][twenty],
        "last.weight": last.transpose(1, 0, 2).reshape(-1, OUT),
        "last.bias": together["last.bias"][number, 0],
    }


def pair(image_size):
    """All experts together, with biases that are not 0, and eight plain ones of their numbers."""
    together = ImageExperts(image_size, EXPERTS, OUT)
    rng = np.random.default_rng(0)
    for name, value in together.named_parameters():
        if name.endswith("bias"):
            value.set_value(rng.uniform(0.0, 0.4, value.shape).astype("f4"))
    values = {name: value.numpy() for name, value in together.named_parameters()}
    plain = []
    for number in range(EXPERTS):
        expert = Plain(image_size)
        expert.set_state_dict(parts_of(values, number))
        plain.append(expert)
    return together, plain


@pytest.mark.parametrize("image_size", [16, 28, 36])
def test_they_give_and_learn_what_separate_experts_do(image_size):
    together, plain = pair(image_size)
    images = np.random.default_rng(1).random((6, 1, image_size, image_size), "f4")
    weights = paddle.to_tensor(np.random.default_rng(2).normal(size=(EXPERTS, 6, OUT)), "float32")
    found = together(paddle.to_tensor(images))
    assert found.shape == [EXPERTS, 6, OUT]
    together.eval()  # which takes other operators
    np.testing.assert_array_equal(together(paddle.to_tensor(images)).numpy(), found.numpy())
    (found * weights).sum().backward()
    gradients = {name: value.grad.numpy() for name, value in together.named_parameters()}
    for number, expert in enumerate(plain):
        expected = expert(paddle.to_tensor(images))
        assert (expected.numpy() > 0).any()
        np.testing.assert_allclose(found[number].numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)
        (expected * weights[number]).sum().backward()
        own = parts_of(gradients, number)
        for name, value in expert.named_parameters():
            scale = np.abs(value.grad.numpy()).max()
            message = f"expert {number}: {name}"
            np.testing.assert_allclose(
                own[name], value.grad.numpy(), rtol=1e-4, atol=1e-5 * scale, err_msg=message
            )


@pytest.mark.parametrize("sizes", [[OUT], [OUT, 4, 3]])
def test_one_expert_alone_and_deeper_layers(sizes):
    """Against the plain expert and NumPy's products."""
    together, plain = pair(28)
    values = {name: value.numpy() for name, value in together.named_parameters()}
    alone = ImageExpert(28, sizes)
    own = {
        "first_weight": values["first_weight"][:, :10],
        "first_bias": values["first_bias"][:10],
        "second.weight": values["second.weight"][:20],
        "second_bias": values["second_bias"][:20],
        "last.weight": values["last.weight"][:1],
        "last.bias": values["last.bias"][:1],
    }
    alone.set_state_dict({**alone.state_dict(), **own})
    images = paddle.to_tensor(np.random.default_rng(3).random((6, 1, 28, 28), "f4"))
    expected = plain[0](images).numpy()
    for layer in alone.deeper.layers:
        expected = np.maximum(expected @ layer.weight.numpy()[0] + layer.bias.numpy()[0], 0)
    found = alone(images).numpy()
    assert found.shape == (6, sizes[-1])
    assert (found > 0).any()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_experts_start_as_separate_ones_would():
    """Glorot's bound is that of one expert's layer: 25 inputs and 25 outputs a channel."""
    experts = ImageExperts(36, 50, OUT)
    for weight, fans in (
        (experts.first_weight, 25 + 25 * 10),
        (experts.second.weight, 25 * 10 + 25 * 20),
        (experts.last.weight, 20 * 6 * 6 + OUT),
    ):
        bound = np.sqrt(6 / fans)
        assert 0.98 * bound < np.abs(weight.numpy()).max() < 1.000001 * bound


def test_dropout_acts_in_training_alone():
    together = ImageExperts(36, EXPERTS, 64, dropout=0.5)
    images = paddle.rand([3, 1, 36, 36])
    assert not np.array_equal(together(images).numpy(), together(images).numpy())
    together.eval()
    np.testing.assert_array_equal(together(images).numpy(), together(images).numpy())


@pytest.mark.parametrize("image_size", [0, 4, 8, 12, 15, 17, 18, 30, 35])
def test_a_size_that_does_not_go_through_is_named(image_size):
    problem = rf"hyper_parameters.image_size: expected 4 n \+ 16 .*, found {image_size}$"
    with pytest.raises(ValueError, match=problem):
        ImageExperts(image_size, EXPERTS, OUT)

"""What the tests on a GPU compare with."""

import numpy as np


def largest_difference(outputs, others):
    """Returns the largest absolute difference of two predictors' outputs."""
    return max(float(np.abs(one - other).max()) for one, other in zip(outputs, others))

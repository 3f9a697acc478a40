"""Exact metrics from all rows' labels and predictions, as NumPy arrays, and their catalogue.

A metric is a function of labels, predictions and, if it has a weighted form, sample weights ``[n]``
(scikit-learn's ``sample_weight``). A metric that is undefined for these rows is ``nan``. Which
rows count, and of which type a task is, is decided here; `engine.evaluation` configures and logs.
"""

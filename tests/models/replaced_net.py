"""Puts another net into a model folder for the time of a test."""

from engine.model_folder import loading


def replace_net(configure, monkeypatch, net_class):
    """Makes MMoE's folder train another net. Its YAMLs keep MMoE's keys, so they stay known."""
    config = configure("mmoe")
    for load in (loading.dygraph_model, loading.static_model):
        model = load(config).__class__
        known = model.hyper_parameters()
        monkeypatch.setattr(model, "net_class", net_class)
        known = {**known, **model.hyper_parameters()}
        monkeypatch.setattr(model, "hyper_parameters", lambda known=known: known)

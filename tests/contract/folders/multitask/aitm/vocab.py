def feature_vocabulary(config):
    sizes = config.get("hyper_parameters.vocabulary_sizes")
    return {str(i): size for i, size in enumerate(sizes)}

import sys

import paddle.distributed.fleet as fleet


class Reader(fleet.MultiSlotDataGenerator):
    def init(self, config):
        self.config = config
        self.dense_dim = config.get("hyper_parameters.dense_input_dim")
        self.slots = config.get("hyper_parameters.sparse_inputs_slots")

    def line_process(self, line):
        values = {}
        for pair in line.strip().split(" "):
            name, value = pair.split(":")
            values.setdefault(name, []).append(value)
        sparse = [[int(v) for v in values.get(str(i), ["0"])] for i in range(1, self.slots)]
        dense = [float(v) for v in values.get("dense_feature", ["0"] * self.dense_dim)]
        return [[int(values["click"][0])]] + sparse + [dense]

    def generate_sample(self, line):
        def reader():
            names = ["click"] + ["C%d" % i for i in range(1, self.slots)] + ["dense_input"]
            yield zip(names, self.line_process(line))

        return reader


if __name__ == "__main__":
    yaml_path = sys.argv[1]
    utils_path = sys.argv[2]
    sys.path.append(utils_path)
    import common

    r = Reader()
    r.init(common.YamlHelper().load_yaml(yaml_path))
    r.run_from_stdin()

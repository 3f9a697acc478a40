"""Measures training steps in dygraph: the fast step, autograd, and ``paddle.jit.to_static``.

    python benchmarks/fast_step.py [-m CONFIG.yaml ...] [--batch_sizes 32 256 1024]

Each form trains its own copy of the net on the same batches, which are in memory before the clock
starts. The forms alternate in one process, so that other programs slow all of them down. The table
shows the median rows per second of the rounds, and the median of each round's ratio to autograd.
The first round does not count. The parameters after all steps are compared too.

``to_static`` stands for the function that computes logits and loss; Paddle finds its gradients.
"""

import logging
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from engine import command_line  # noqa: E402

MODELS = ("share_bottom", "mmoe", "ple", "esmm")  # DSelect-k's net has no fast step
CONFIGS = [str(ROOT / "models" / "multitask" / name / "config.yaml") for name in MODELS]
FORMS = ("fast step", "autograd", "to_static")


class Form:
    """A net, trained by one of the forms.

    Args:
        config: the configuration.
        form: one of `FORMS`.
        block: the rows that it trains on.
        batch_size: rows of a batch.
    """

    def __init__(self, config, form: str, block: list, batch_size: int):
        from engine.graphs.dygraph import DygraphSession
        from engine.system.clock import Clock

        self._clock = Clock()
        config = config.completed({"runner.fast_step": form == "fast step"})
        self.session = DygraphSession(config)
        net = self.session.net
        if form == "to_static":
            self._use_to_static(net)
        self._batches = self.session._contract.prepare(net, block, batch_size)
        self.session.start_epoch(training=True)

    def _use_to_static(self, net) -> None:
        import paddle

        def forward(inputs, labels, weights):
            logits = net.logits(net.inputs.joined(inputs))
            return logits, net.loss(logits, labels, weights)

        compiled = paddle.jit.to_static(forward, full_graph=True)

        def step(*batch):
            *inputs, labels, weights = batch
            logits, loss = compiled(inputs, labels, weights)
            return logits.detach(), loss

        self.session._contract._step_of = lambda net: step

    def round(self) -> float:
        """Trains on all batches once and returns the seconds."""
        started = time.perf_counter()
        for batch in self._batches:
            self.session.train_step(batch, self._clock)
        return time.perf_counter() - started


def measure(path: str, batch_size: int, rounds: int, steps: int) -> None:
    """Measures all forms of one model and prints a row of the table for each."""
    import numpy as np

    from engine.config.load import load_config
    from engine.data import encoding, sources
    from engine.model_folder import loading

    config = load_config(path, [], loading.hyper_parameters)
    config = encoding.complete_config(config, None)
    blocks = list(sources.training_source(config, "dygraph").blocks(0))
    rows = batch_size * steps
    block = [np.resize(each, (rows, *each.shape[1:])) for each in map(np.concatenate, zip(*blocks))]
    forms = {form: Form(config, form, block, batch_size) for form in FORMS}
    seconds: dict[str, list] = {form: [] for form in FORMS}
    for _ in range(rounds + 1):
        for form in FORMS:
            seconds[form].append(forms[form].round())
    times = {form: np.array(each[1:]) for form, each in seconds.items()}
    trained = {form: each.session.parameters() for form, each in forms.items()}
    for form in FORMS:
        ratio = np.median(times["autograd"] / times[form])
        speed = rows / np.median(times[form])
        pairs = [(trained[form][name], value) for name, value in trained["autograd"].items()]
        difference = max(float(np.abs(one - other).max()) for one, other in pairs)
        name = Path(path).parent.name
        print(f"| {name} | {batch_size} | {form} | {speed:,.0f} | {ratio:.2f} | {difference:.1e} |")
    sys.stdout.flush()


def main() -> None:
    """Runs the command."""
    parser = command_line.Parser(__doc__)
    positive = {"type": command_line.at_least(1), "metavar": "N"}
    parser.add_argument(
        "-m", nargs="+", default=CONFIGS, metavar="YAML", help="default: each model's config.yaml"
    )
    parser.add_argument(
        "--batch_sizes", nargs="+", default=[32, 256, 1024], help="default: 32 256 1024", **positive
    )
    parser.add_argument("--rounds", default=9, help="rounds of each form; default: 9", **positive)
    parser.add_argument("--steps", default=30, help="steps of a round; default: 30", **positive)
    arguments = parser.parse_args()
    logging.getLogger().setLevel(logging.WARNING)
    print("| model | batch | form | rows/s | times autograd | difference of parameters |")
    print("|---|---|---|---|---|---|")
    for path in arguments.m:
        for size in arguments.batch_sizes:
            measure(path, size, arguments.rounds, arguments.steps)


if __name__ == "__main__":
    command_line.run(main)

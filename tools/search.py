"""Searches hyper-parameters with Optuna: trains trials, writes the YAML of the best one.

    python tools/search.py -m MODEL/config.yaml --trials 30 -o runner.valid_data_dir=FOLDER
    python tools/search.py -m MODEL/config.yaml --trials 30 --space SPACE.yaml --seed 7

What may be taken stands in the YAML's section search, or in a file of its own (--space). A trial
is trained as trainer.py would, in a process of its own, and judged by its best evaluation on
runner.valid_data_dir, which must be no test data. Trials are kept in a SQLite file: the same
command goes on there. docs/search.md explains it.

Errors (one line, exit code 2): no Optuna, no space, no validation data or test data in their place,
a study of something else, a configuration that could not be trained; no trial came to anything.
"""

import argparse
import logging
import os
import signal

from engine import command_line

logger = logging.getLogger("search")


def parsed_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "--trials",
        type=command_line.at_least(1),
        required=True,
        metavar="N",
        help="how many the study is to have, those of earlier commands included",
    )
    parser.add_argument("--space", metavar="YAML", help="takes the place of the section search")
    parser.add_argument(
        "--study",
        metavar="FILE.db",
        help="where trials are kept; default: MODEL_SAVE_PATH_search/study.db",
    )
    parser.add_argument(
        "--output",
        metavar="YAML",
        help="the best trial's, in the model's folder; default: the name of -m and _tuned",
    )
    parser.add_argument(
        "--seed", type=command_line.at_least(0), default=1, help="of the sampler; default 1"
    )
    parser.add_argument("--sampler", choices=("tpe", "random"), default="tpe", help="default: tpe")
    parser.add_argument(
        "--pruner", choices=("median", "asha", "none"), default="median", help="default: median"
    )
    parser.add_argument("--static", action="store_true", help="train in static graph")
    parser.add_argument("--keep", action="store_true", help="keep the trials' checkpoints and logs")
    return parser.parse_args()


def main() -> None:
    """Runs the command."""
    arguments = parsed_arguments()
    import paddle  # noqa: F401  (first: 2.6 silences the root logger when it is imported)

    from engine.config.load import load_config
    from engine.data import splits
    from engine.model_folder import loading
    from engine.system import folder_lock, interrupts, logs
    from engine.training import early_stopping
    from searching import search, space, studies, tuned

    interrupts.catch(signal.SIGTERM)  # after Paddle, which has taken it
    logs.start_logging()
    config = load_config(arguments.config_yaml, arguments.opt, loading.hyper_parameters)
    splits.check(config, "a search")
    default = studies.default(config.runner("model_save_path"))
    path = os.path.abspath(arguments.study or default)
    asked = search.Search(
        config,
        arguments.opt,
        space.read(config, arguments.space, arguments.opt),
        "static" if arguments.static else "dygraph",
        f"{os.path.splitext(path)[0]}_trials",
        os.path.abspath(arguments.output or tuned.default(config)),
        arguments.keep,
    )
    tuned.check(config, asked.output)
    with folder_lock.locked(asked.folder):
        about = asked.about(arguments.seed, arguments.sampler, arguments.pruner)
        lower = early_stopping.lower_is_better(config.runner("valid_metric"))
        study = None
        if os.path.exists(path):
            study = studies.Study(path, about, lower)
        asked.remove_killed(study)
        if study is None or len(study.ended) < arguments.trials:
            asked.check()  # before anything is written
        study = study or studies.Study(path, about, lower)
        if study.ended:
            logger.info("%s: going on after %d trials", path, len(study.ended))
        try:
            with interrupts.deferred("ending the trial; those that ended are kept"):
                asked.run(study, arguments.trials)
        except interrupts.Interrupted as stop:
            search.summary(asked, study)
            done = f"interrupted after {len(study.ended)} of {arguments.trials} trials"
            problem = f"{done}; the same command goes on ({path})"
            raise interrupts.Interrupted(stop.number, problem) from None
        search.summary(asked, study)
    asked.remove_empty()


if __name__ == "__main__":
    command_line.run(main)

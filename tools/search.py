"""Searches hyper-parameters with Optuna: trains trials and writes the YAML of the best one.

    python tools/search.py -m MODEL/config.yaml --trials 30 -o runner.valid_data_dir=FOLDER
    python tools/search.py -m MODEL/config.yaml --trials 30 --space SPACE.yaml --seed 7

The search space is the section search of the YAML, or a separate file (--space). A trial trains as
trainer.py does, in its own process. Its value is its best evaluation on runner.valid_data_dir. This
folder must not overlap the test set. Trials are stored in a SQLite file. To continue a search, run
the same command again. docs/search.md explains it.

Errors (one line, exit code 2): a missing package; no search space; no validation set, or one that
overlaps the test set; a study with other settings; a configuration that cannot be trained; no trial
with a value.
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
        help="total number of trials in the study, including earlier ones",
    )
    parser.add_argument("--space", metavar="YAML", help="a search space instead of section search")
    parser.add_argument(
        "--study",
        metavar="FILE.db",
        help="file of the trials; default: MODEL_SAVE_PATH_search/study.db",
    )
    parser.add_argument(
        "--output",
        metavar="YAML",
        help="file for the best trial, in the model's folder; default: the name of -m with _tuned",
    )
    parser.add_argument(
        "--seed", type=command_line.at_least(0), default=1, help="seed of the sampler; default: 1"
    )
    parser.add_argument("--sampler", choices=("tpe", "random"), default="tpe", help="default: tpe")
    parser.add_argument(
        "--pruner", choices=("median", "asha", "none"), default="median", help="default: median"
    )
    parser.add_argument("--static", action="store_true", help="train in static graph")
    parser.add_argument("--keep", action="store_true", help="keep checkpoints and logs of trials")
    return parser.parse_args()


def main() -> None:
    """Runs the command."""
    arguments = parsed_arguments()
    import paddle  # noqa: F401  (first: Paddle 2.6 silences the root logger when it is imported)

    from engine.config.load import load_config
    from engine.data import splits
    from engine.model_folder import loading
    from engine.system import folder_lock, interrupts, logs
    from engine.training import early_stopping
    from searching import space, studies, tuned
    from searching.search import Search

    interrupts.catch(signal.SIGTERM)  # after the import of Paddle, which sets a handler too
    logs.start_logging(arguments.quiet)
    config = load_config(arguments.config_yaml, arguments.opt, loading.hyper_parameters)
    logs.write_file(config.runner("log_file"))
    splits.check_validation_data(config, "a search")
    default = studies.default_path(config.runner("model_save_path"))
    path = os.path.abspath(arguments.study or default)
    search = Search(
        config,
        arguments.opt,
        space.read(config, arguments.space, arguments.opt),
        "static" if arguments.static else "dygraph",
        f"{os.path.splitext(path)[0]}_trials",
        os.path.abspath(arguments.output or tuned.default_path(config)),
        arguments.keep,
    )
    tuned.check(config, search.output)
    with folder_lock.locked(search.folder):
        settings = search.settings(arguments.seed, arguments.sampler, arguments.pruner)
        lower = early_stopping.lower_is_better(config.runner("valid_metric"))
        study = studies.Study(path, settings, lower) if os.path.exists(path) else None
        search.remove_killed(study)
        if study is None or len(study.ended) < arguments.trials:
            search.check()  # before anything is written
        study = study or studies.Study(path, settings, lower)
        if study.ended:
            logger.info("%s: continuing after %d trials", path, len(study.ended))
        try:
            with interrupts.deferred("ending the trial; trials that have ended are stored"):
                search.run(study, arguments.trials)
        except interrupts.Interrupted as stop:
            search.print_summary(study)
            done = f"interrupted after {len(study.ended)} of {arguments.trials} trials"
            problem = f"{done}; to continue, run the same command again ({path})"
            raise interrupts.Interrupted(stop.number, problem) from None
        search.print_summary(study)
    search.remove_empty()


if __name__ == "__main__":
    command_line.run(main)

"""Trains day after day: evaluates each day before training on it.

    python tools/daily.py -m models/multitask/mmoe/config_table.yaml -o runner.train_data_dir=days

runner.train_data_dir is a folder with a file or a folder for each day; days are sorted by name, and
a list of paths keeps its order. Day d starts from the model of day d - 1, is first evaluated with
it, then trained for runner.epochs epochs, and saved to runner.model_save_path/<day>. Values that
are new get ids and rows of their own, unless runner.extend_vocabulary is False. One line a day says
its rows, new ids and metrics; daily.csv and daily.json have them all. With runner.test_data_dir
the last model is evaluated on it. To continue a run that ended early, run the same command again:
no day is trained twice. docs/features.md explains it.

Errors (one line, exit code 2): fewer than two days; a day that was trained and has changed; several
processes; a configuration that cannot be trained.
"""

import signal

from engine import command_line


def main() -> None:
    """Runs the command."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--static", action="store_true", help="train in static graph")
    arguments = parser.parse_args()
    import paddle  # noqa: F401  (first: Paddle 2.6 silences the root logger when it is imported)

    from daily_training import days
    from daily_training.run import DailyRun
    from engine.config.load import load_config
    from engine.model_folder import loading
    from engine.system import folder_lock, interrupts, logs

    interrupts.catch(signal.SIGTERM)  # after the import of Paddle, which sets a handler too
    logs.start_logging(arguments.quiet)
    config = load_config(arguments.config_yaml, arguments.opt, loading.hyper_parameters)
    logs.write_file(config.runner("log_file"))
    if config.runner("use_fleet"):
        raise config.error("runner.use_fleet", "daily.py trains in one process; set it to False")
    for name in ("save_predictions", "save_metrics"):
        if config.runner(name):
            raise config.error(
                f"runner.{name}", "every day would write it; daily.json has all days"
            )
    found = days.find(config)
    graph = "static" if arguments.static else "dygraph"
    with folder_lock.locked(config.runner("model_save_path")):
        DailyRun(config, arguments.opt, found, graph).run()


if __name__ == "__main__":
    command_line.run(main)

r"""Trains a model with parameter servers, which keep its embedding tables.

    python -m paddle.distributed.launch --server_num 1 --trainer_num 2 \
        tools/static_ps_trainer.py -m models/multitask/esmm/config.yaml

Each process of a job runs this command. The environment variables of Paddle's Fleet make it a
server or a trainer; docs/parameter_server.md shows a job on several hosts. The first trainer saves
a checkpoint after every epoch to runner.model_save_path/<epoch>/rec_static.*
"""

import os

from engine import command_line, commands


def main() -> None:
    """Runs the command."""
    arguments = command_line.parser(__doc__).parse_args()
    os.environ.update(FLAGS_enable_pir_api="0")  # Fleet's servers cannot use PIR programs
    from engine.parameter_servers import fleet_module, roles, watch

    fleet_module.check_installed()
    role = roles.from_environment()
    watcher = watch.start(role)
    try:
        config = commands.read_config(arguments, graph="static", connects=False)
        from engine.parameter_servers import training

        training.run(config, role, watcher)
    finally:
        watcher.close()


def end(code: int) -> None:
    """Ends the process with an exit code."""
    from engine.parameter_servers import job

    job.end_process(code)


if __name__ == "__main__":
    command_line.run(main, end)

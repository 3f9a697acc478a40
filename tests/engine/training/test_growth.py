"""A checkpoint whose vocabularies are extended: rows are compared by the values' texts."""

import json

import numpy as np
import pytest

from engine.checkpoints import find
from engine.data import encoding, sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system import interrupts
from engine.system.errors import UserError
from engine.training import loop, resume

GRAPHS = {"dygraph": DygraphSession, "static": lambda config: StaticSession(config, training=True)}
PREFIX = {"dygraph": "rec", "static": "rec_static"}
TABLE = [
    "labels=[click, like]",
    "dense=[age]",
    "sparse=[{name: user}, {name: tags, separator: '|', max_len: 2}, {name: last, share: user}]",
]
HEADER = "click,like,both,age,user,tags,last,city\n"


def write(path, users, rows=60):
    """Writes rows whose users and tags have numbers of a range."""
    lines = [
        f"{n % 2},{n % 3 % 2},{n % 6 // 5},{20 + n % 9},u{users[n % len(users)]},"
        f"t{users[n * 7 % len(users)]}|t{users[n * 3 % len(users)]},u{users[0]},c{n % 4}\n"
        for n in range(rows)
    ]
    path.write_text(HEADER + "".join(lines))
    return path


@pytest.fixture
def complete(configure):
    """Returns the complete configuration of a training on a day."""

    def make(day, *options, graph="dygraph", table=TABLE, folder="mmoe"):
        made = configure(
            folder,
            *(f"hyper_parameters.table.{each}" for each in table),
            f"runner.train_data_dir={day}",
            "runner.extend_vocabulary=True",
            "runner.train_batch_size=20",
            "runner.epochs=1",
            "hyper_parameters.embedding_size=3",
            *options,
            yaml="config_table.yaml",
        )
        return encoding.complete_config(made, graph=graph)

    return make


@pytest.fixture
def days(tmp_path):
    return [write(tmp_path / "d0.csv", range(12)), write(tmp_path / "d1.csv", range(8, 20))]


def start(graph, config):
    """Returns the content of a session that is ready to train."""
    session = GRAPHS[graph](config)
    resume.start(session, config, sources.training_source(config, graph))
    content = session.state()
    if graph == "dygraph":  # Paddle 2.6 keeps the state aside until the first step
        held = dict(session._optimizer._accumulators_holder)
        content["pdopt"] = {**held, **content["pdopt"]}
    return content


def saved(graph, config):
    """Trains and returns the last checkpoint's folder and content."""
    prefix = PREFIX[graph]
    loop.train(GRAPHS[graph](config), config, sources.training_source(config, graph))
    folder, _ = find.newest(config.runner("model_save_path"), prefix)
    return folder, find.parts(folder, prefix)


def rows_of(config, array):
    """Returns a table's rows by field and text."""
    with open(config["hyper_parameters.table.vocabulary"], encoding="utf-8") as file:
        vocabularies = json.load(file)["vocabularies"]
    found, start = {}, 0
    for field in config["hyper_parameters.sparse_fields"]:
        if "share" not in field:
            for place, text in enumerate(["unknown", *vocabularies[field["name"]]]):
                found[field["name"], text] = np.asarray(array)[start + place]
            start += field["size"]
    assert start == len(array)
    return found


def with_a_row_an_id(content):
    """Returns a checkpoint's tables: the parameters, their moments, averages and sums."""
    return {
        (part, name): value
        for part, arrays in content.items()
        for name, value in arrays.items()
        if "embedding" in name and np.ndim(value) == 2
    }


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("way", ["resume", "warm"])
def test_old_ids_keep_their_rows_and_their_optimizer_state(complete, days, tmp_path, graph, way):
    average = ["runner.ema_decay=0.5"] if way == "resume" else []
    first = complete(days[0], *average, graph=graph)
    folder, before = saved(graph, first)
    options = {
        "resume": ["runner.resume=True", "runner.epochs=2", "runner.evict_after=1"],
        "warm": [f"runner.model_init_path={folder}", f"runner.model_save_path={tmp_path / 'w'}"],
    }[way]
    second = complete(days[1], "runner.new_rows=mean", *average, *options, graph=graph)
    after = start(graph, second)
    arrays, extended = with_a_row_an_id(before), with_a_row_an_id(after)
    assert arrays.keys() == extended.keys()
    assert len(arrays) == (5 if way == "resume" else 3)  # table, moments; average's sum, trained
    numbers = range(8 if way == "resume" else 0, 12)  # the first day's users that are not evicted
    kept = {"unknown", *(f"{kind}{number}" for kind in "ut" for number in numbers)}
    for (part, name), array in extended.items():
        old, new = rows_of(first, arrays[part, name]), rows_of(second, array)
        assert {text for _, text in new} == kept | {f"{k}{n}" for k in "ut" for n in range(8, 20)}
        for (field, text), row in new.items():
            if text in kept:
                np.testing.assert_array_equal(row, old[field, text], err_msg=f"{name} {text}")
            elif "moment" in name:
                assert not row.any()
            elif "sum" not in name:
                texts = [each for each in kept if each[0] == text[0] and each != "unknown"]
                mean = np.mean([rows_of(first, trained(before))[field, t] for t in texts], axis=0)
                np.testing.assert_allclose(row, mean, rtol=1e-4, err_msg=f"{name} {text}")
    for part, content in before.items():
        for name, value in content.items():
            if (part, name) not in arrays and not name.startswith("learning_rate"):
                np.testing.assert_array_equal(after[part][name], value, err_msg=name)
    if way == "resume":  # the average of a new row is the row: three steps' sum is 1 + 1/2 + 1/4
        parts = {
            name.partition(".")[0]: array
            for (part, name), array in extended.items()
            if part == "pdema"
        }
        row = rows_of(second, parts["sum"])["user", "u19"] / 1.75
        np.testing.assert_allclose(
            row, rows_of(second, parts["parameter"])["user", "u19"], rtol=1e-5
        )


def trained(content):
    """Returns the trained table of a checkpoint."""
    named = content.get("pdema", content["pdparams"]).items()
    return next(value for name, value in named if "embedding" in name and "sum" not in name)


def test_the_row_of_a_new_user_changes_with_training_and_the_log_counts(
    complete, days, tmp_path, caplog
):
    first = complete(days[0])
    folder, _ = saved("dygraph", first)
    second = complete(
        days[1],
        f"runner.model_init_path={folder}",
        f"runner.model_save_path={tmp_path / 'w'}",
        "runner.new_rows=zeros",
    )
    caplog.set_level("INFO")
    _, content = saved("dygraph", second)
    new = rows_of(second, trained(content))
    old = rows_of(first, trained(find.parts(folder, "rec")))
    assert new["user", "u19"].any()
    np.testing.assert_array_equal(new["user", "u1"], old["user", "u1"])  # not in the new files
    assert "vocabulary of user: 12 ids kept, 8 added, 0 evicted; 0 values wait" in caplog.text
    assert "inputs.embedding.table.weight: shape (26, 3) becomes (42, 3)" in caplog.text
    assert "parameters and the optimizer's state loaded" in caplog.text


def test_new_columns_and_tasks_start_fresh(complete, days, tmp_path, caplog):
    first = complete(days[0])
    folder, before = saved("dygraph", first)
    wider = [TABLE[0], "dense=[age, both]", TABLE[2].replace("[", "[city, ", 1)]
    to = [f"runner.model_init_path={folder}", f"runner.model_save_path={tmp_path / 'w'}"]
    caplog.set_level("INFO")
    after = start("dygraph", complete(days[0], *to, table=wider))
    old, new = before["pdparams"], after["pdparams"]
    # The features were age, user, tags, last; now age, both, user, tags, last, city.
    places = [0, *range(2, 11)]
    for name, value in new.items():
        value = value.numpy()
        if name == "inputs.embedding.table.weight":
            np.testing.assert_array_equal(value[:26], old[name])
        elif name == "experts.inputs.0.weight":
            np.testing.assert_array_equal(value[places], old[name])
        elif name.startswith("inputs.scale"):
            np.testing.assert_array_equal(value[:1], old[name])
        else:
            np.testing.assert_array_equal(value, old[name])
    assert "vocabulary of city: 0 ids kept, 4 added, 0 evicted" in caplog.text
    moment = np.asarray(after["pdopt"]["linear_0.w_0_moment1_0"])
    np.testing.assert_array_equal(moment[places], before["pdopt"]["linear_0.w_0_moment1_0"])
    assert not np.delete(moment, places, axis=0).any()
    more = ["labels=[click, like, both]", *TABLE[1:]]
    third = complete(days[0], *to, "hyper_parameters.gate_num=3", table=more)
    new = {name: value.numpy() for name, value in start("dygraph", third)["pdparams"].items()}
    for name in ("towers.hidden.layers.0.weight", "towers.output.weight"):
        np.testing.assert_array_equal(new[name][:2], old[name])
    # Eight experts of 16, then a gate of eight logits for each task.
    assert new["experts.inputs.0.weight"].shape[1] == 8 * 16 + 3 * 8
    np.testing.assert_array_equal(
        new["experts.inputs.0.weight"][:, :144], old["experts.inputs.0.weight"]
    )
    assert "the optimizer starts fresh" not in caplog.text
    other = complete(
        days[0], *to, "hyper_parameters.gate_num=3", "hyper_parameters.expert_num=9", table=more
    )
    new = {name: value.numpy() for name, value in start("dygraph", other)["pdparams"].items()}
    assert not np.isin(old["experts.inputs.0.weight"], new["experts.inputs.0.weight"]).any()
    np.testing.assert_array_equal(new["towers.output.weight"][:2], old["towers.output.weight"])
    assert "the optimizer starts fresh" in caplog.text


@pytest.mark.parametrize(
    ("options", "table", "problem"),
    [
        (
            ["runner.resume=True", "runner.epochs=2"],
            ["labels=[click, like, both]"],
            "trained with tasks click, like",
        ),
        (
            ["runner.resume=True", "runner.epochs=2"],
            ["sparse=[user, tags]"],
            "table.sparse: expected",
        ),
        (["runner.resume=True", "hyper_parameters.embedding_size=4"], [], "has shape"),
    ],
)
def test_what_an_extension_cannot_do_is_one_line(complete, days, options, table, problem):
    saved("dygraph", complete(days[0]))
    extra = ["hyper_parameters.gate_num=3"] if "both" in str(table) else []
    chosen = [next((new for new in table if new[:4] == each[:4]), each) for each in TABLE]
    with pytest.raises(UserError, match=problem) as caught:
        start("dygraph", complete(days[1], *options, *extra, table=chosen))
    assert "\n" not in str(caught.value)


def test_an_interrupted_epoch_needs_its_files(complete, days, signal_at):
    config = complete(days[0], "runner.resume=True")
    with signal_at(2), pytest.raises(interrupts.Interrupted):
        saved("dygraph", config)
    with pytest.raises(UserError, match="needs the files that it started with"):
        start("dygraph", complete(days[1], "runner.resume=True"))


def test_readers_without_vocabularies_are_refused(configure):
    config = configure("mmoe", "runner.extend_vocabulary=True")
    with pytest.raises(UserError, match="census_reader learns no vocabulary from the data"):
        encoding.complete_config(config)

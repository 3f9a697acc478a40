"""A broken folder ends a command with one line at once, without hanging or a traceback."""

import re

import pytest

from engine.model_folder import importing

COMMANDS = {
    "trainer": "dygraph_model",
    "infer": "dygraph_model",
    "static_trainer": "static_model",
    "static_infer": "static_model",
}


@pytest.fixture
def refused(run_command):
    """Runs a command that must fail and returns its error line."""

    def run(name, folder, *options):
        overrides = ["-o", *options] if options else []
        done = run_command(name, "-m", folder / "config.yaml", *overrides)
        assert done.code == 2, done.stderr
        assert "Traceback" not in done.stderr
        *_, last = done.stderr.splitlines()
        assert last.startswith("error: ")
        return last[len("error: ") :]

    return run


def edit(path, old, new):
    text = path.read_text()
    assert old in text, path
    path.write_text(text.replace(old, new, 1))
    importing.forget(str(path.parent))  # the test may have run the folder before


def train_first(folder, run_command, name):
    """Saves a checkpoint if the command evaluates one."""
    if name.endswith("infer"):
        trainer = name.replace("infer", "trainer")
        done = run_command(trainer, "-m", folder / "config.yaml", "-o", "runner.epochs=2")
        assert done.code == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("place", "what", "problem"),
    [
        (
            "yield [self.bag",
            "raise KeyError('query')",
            r"KeyError: 'query' \(bq_reader_train.py, line 22\)",
        ),
        (
            "yield [self.bag",
            "raise ValueError('the third line has no tab')",
            "the third line has no tab",
        ),
        (
            "yield [self.bag",
            "import no_such_module",
            r"ModuleNotFoundError: No module named 'no_such_module' \(bq_reader_tr.*, line 22\)",
        ),
        ("for file in", "1 / 0", r"ZeroDivisionError: division by zero \(bq_r.*, line 19\)"),
        (
            "self.trigram_d = config.get",
            "open('/nowhere/vocabulary')",
            r"FileNotFoundError: .*'/nowhere/vocabulary' \(bq_reader_train.py, line 9\)",
        ),
    ],
    ids=["later", "value", "late_import", "iter", "init"],
)
def test_a_reader_that_raises(stand_in, run_command, refused, name, place, what, problem):
    folder = stand_in("match/dssm")
    train_first(folder, run_command, name)
    path = folder / "bq_reader_train.py"
    indent = re.search(rf"( *){re.escape(place)}", path.read_text())[1]
    edit(path, place, f"{what}\n{indent}{place}")
    reader = "bq_reader_infer" if name.endswith("infer") else "bq_reader_train"
    assert re.fullmatch(f"{reader}: {problem}", refused(name, folder))


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_map_style_reader_that_raises(stand_in, refused, name):
    folder = stand_in("rank/wide_deep")
    edit(folder / "dict_reader.py", "label, dense, ids = self", "label, dense = self")
    assert refused(name, folder) == "dict_reader: too many values to unpack (expected 2)"


def test_a_reader_of_batches_that_raises(stand_in, refused):
    folder = stand_in("rank/din")
    edit(folder / "dinReader.py", "yield self.pad(", "yield self.padded(")
    assert refused("trainer", folder) == (
        "dinReader: AttributeError: 'RecDataset' object has no attribute 'padded' "
        "(dinReader.py, line 36)"
    )


def test_a_models_loader_whose_dataset_raises(stand_in, refused):
    folder = stand_in("multitask/five_tasks")
    edit(folder / "table_reader.py", "return self.rows[i, 5:]", "return self.lines[i, 5:]")
    assert refused("static_trainer", folder) == (
        "StaticModel.create_data_loader: AttributeError: 'RecDataset' object has no attribute "
        "'lines' (table_reader.py, line 13)"
    )


def test_a_data_generator_that_raises(stand_in, refused):
    folder = stand_in("rank/dnn")
    path = folder / "data" / "train" / "part-0"
    edit(path, "click:", "click=")
    options = ["runner.reader_type=QueueDataset", "runner.train_reader_path=queuedataset_reader"]
    assert refused("trainer", folder, *options) == (
        f"queuedataset_reader: {path}:1: not enough values to unpack (expected 2, got 1)"
    )


def test_an_optimizer_that_takes_no_sparse_gradients(stand_in, refused):
    folder = stand_in("rank/dnn")
    edit(folder / "dygraph_model.py", "lazy_mode=True", "lazy_mode=True, weight_decay=0.1")
    assert refused("trainer", folder) == (
        "Adam: Adam don't support weight_decay with sparse parameters, please set it to None."
    )
    edit(folder / "dygraph_model.py", "optimizer.Adam(", "optimizer.AdamW(")
    assert refused("trainer", folder) == (
        "AdamW takes no sparse gradients, and those of the table SparseFeatFactors [101, 5] are "
        "sparse: make it with sparse=False, or use Adam(lazy_mode=True), SGD or Adagrad"
    )


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "line", ["import utils.envs", "from tools.utils.static_ps import common", "import paddlerec"]
)
def test_an_import_of_paddlerecs_own_tools(stand_in, refused, name, line):
    folder = stand_in("match/dssm")
    path = folder / f"{COMMANDS[name]}.py"
    path.write_text(f"import paddle\n{line}\n" + path.read_text())
    module = line.split()[1]
    for epoch in range(2):  # which evaluation looks for first
        (folder / "output_model_dssm" / str(epoch)).mkdir(parents=True)
        (folder / "output_model_dssm" / str(epoch) / "rec.pdparams").touch()
    assert refused(name, folder) == (
        f"{path}:2 imports {module}: of PaddleRec's own tools there are utils.utils_single and "
        "utils.save_load; copy other modules into the folder (docs/compatibility.md)"
    )


def test_a_name_that_paddlerecs_utils_lack_here(stand_in, refused):
    folder = stand_in("match/dssm")
    path = folder / "dygraph_model.py"
    path.write_text("from utils.utils_single import load_yaml, get_reader\n" + path.read_text())
    found = refused("trainer", folder)
    assert found.startswith(f"{path}:1: cannot import name 'get_reader' from 'utils.utils_single'")


def test_a_folder_with_its_own_utils(stand_in, run_command):
    folder = stand_in("match/dssm")
    (folder / "utils").mkdir()
    (folder / "utils" / "__init__.py").write_text("")
    (folder / "utils" / "envs.py").write_text("LIMIT = 3\n")
    path = folder / "dygraph_model.py"
    path.write_text("from utils.envs import LIMIT\n" + path.read_text())
    done = run_command("trainer", "-m", folder / "config.yaml")
    assert done.code == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_module_that_is_not_installed(stand_in, refused, name):
    folder = stand_in("rank/deepfm")
    path = folder.parent / "common_blocks" / "fm_block.py"
    path.write_text("import pgl.graph\n" + path.read_text())
    assert re.fullmatch(
        rf"{re.escape(str(folder.parent))}\S*fm_block.py:1 needs module pgl, not found",
        refused(name, folder),
    )


def test_a_name_that_a_module_lacks(stand_in, refused):
    folder = stand_in("rank/din")
    edit(folder / "net.py", "import LocalActivationUnit", "import LocalActivation")
    found = refused("trainer", folder)
    assert found.startswith(f"{folder}/net.py:5: cannot import name 'LocalActivation' from 'atten")


@pytest.mark.parametrize("name", ["static_trainer", "static_infer"])
def test_a_reader_of_fewer_fields_than_the_model_takes(stand_in, run_command, refused, name):
    folder = stand_in("match/dssm")
    train_first(folder, run_command, name)
    edit(folder / "bq_reader_train.py", "[:2 + self.neg_num]", "[:1]")
    takes = "query, doc_pos" if name.endswith("infer") else "query, doc_pos, doc_neg_0, doc_neg_1"
    assert refused(name, folder) == (
        f"the reader yields 1 fields a row, the model takes {len(takes.split())}: {takes}"
    )


@pytest.mark.parametrize("name", ["trainer", "static_infer"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def (", "{net}:{line}: invalid syntax"),
        ("\n1 / 0", "{net}:{line}: ZeroDivisionError: division by zero"),
        ("import json\njson.loads('')", "{net}:{line}: JSONDecodeError: Expecting value"),
    ],
)
def test_a_module_that_raises_when_it_is_imported(stand_in, refused, name, text, problem):
    """The error names the line in the folder, also if a library raised it."""
    net = stand_in("rank/dnn") / "net.py"
    net.write_text(f"{net.read_text()}{text}\n")
    line = len(net.read_text().splitlines())
    assert refused(name, net.parent).startswith(problem.format(net=net, line=line))

"""A configuration is a frozen flat mapping; its paths are absolute."""

import pytest
from sample_yaml import BASE

from engine.system.errors import UserError


def test_it_is_a_flat_mapping_with_the_folder_of_the_yaml(load, tmp_path):
    config = load()
    assert config["hyper_parameters.optimizer.class"] == "adam"
    assert config.get("runner.absent", 5) == 5
    assert "runner.epochs" in config
    assert config["config_abs_dir"] == config.folder == str(tmp_path / "model")
    assert config["yaml_path"] == config.yaml_path == str(tmp_path / "model" / "config.yaml")
    assert len(config) == len(list(config)) == len(dict(config))


def test_it_is_read_only(load):
    config = load()
    with pytest.raises(TypeError):
        config["runner.epochs"] = 3
    with pytest.raises(TypeError):
        del config["runner.epochs"]
    for method in ("update", "pop", "setdefault", "clear"):
        assert not hasattr(config, method)


def test_two_configurations_of_one_file_are_independent(load):
    first = load()
    load("runner.epochs=9")
    assert first["runner.epochs"] == 2


def test_defaults_are_those_of_the_table(load):
    config = load()
    assert "runner.shuffle" not in config
    assert config.runner("shuffle") is True
    assert config.runner("seed") == 12345
    assert config.runner("use_gpu") is None
    assert config.runner("infer_load_path") is None


def test_null_in_the_file_is_the_default(load):
    config = load(text=BASE.replace("runner:\n", "runner:\n  seed: null\n  use_gpu:\n"))
    assert config.runner("seed") == 12345
    assert config.runner("use_gpu") is None


def test_paths_of_the_file_are_relative_to_it(load, tmp_path):
    (tmp_path / "here" / "data" / "train").mkdir(parents=True)
    config = load(text=BASE.replace("runner:\n", "runner:\n  model_init_path: ../other/3\n"))
    assert config.runner("train_data_dir") == [str(tmp_path / "model" / "data" / "train")]
    assert config.runner("model_init_path") == str(tmp_path / "other" / "3")
    assert config.runner("model_save_path") == str(tmp_path / "model" / "output_model")
    assert config["runner.train_data_dir"] == "data/train"  # as written


def test_absolute_paths_and_the_home_folder(load, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config = load("runner.train_data_dir=/a/b", "runner.test_data_dir=~/data")
    assert config.runner("train_data_dir") == ["/a/b"]
    assert config.runner("test_data_dir") == [str(tmp_path / "home" / "data")]
    monkeypatch.setenv("HOME", "")
    with pytest.raises(UserError, match=r"^~/data: the variable HOME is empty, so ~ names no"):
        config.runner("test_data_dir")


def test_a_list_of_paths(load, tmp_path, monkeypatch):
    (tmp_path / "here" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    text = BASE.replace("train_data_dir: data/train", "train_data_dir: [one, ../two/a.csv]")
    config = load("runner.test_data_dir=[b, /c, absent]", text=text)
    assert config.runner("train_data_dir") == [
        str(tmp_path / "model/one"),
        str(tmp_path / "two/a.csv"),
    ]
    assert config.runner("test_data_dir") == [
        str(tmp_path / "here" / "b"),
        "/c",
        str(tmp_path / "here" / "absent"),
    ]


@pytest.mark.parametrize("value", ["[]", "[1]", "[a, '']", "[a, [b]]"])
def test_a_list_that_is_no_list_of_paths(load, value):
    with pytest.raises(
        UserError, match=r"runner\.train_data_dir = .*: expected a folder, a file, or a"
    ):
        load(f"runner.train_data_dir={value}")


LISTS = ["train_data_dir", "test_data_dir"]  # the value is a list
INPUTS = ["train_data_dir", "test_data_dir", "infer_load_path", "model_init_path"]
OUTPUTS = ["model_save_path", "visual_dir", "cache_dir"]


@pytest.mark.parametrize("name", INPUTS + OUTPUTS)
def test_paths_of_overrides_are_relative_to_the_current_directory(load, tmp_path, name):
    (tmp_path / "here" / "both").mkdir()
    (tmp_path / "model" / "both").mkdir(parents=True)
    for path in ("both", "neither"):
        expected = str(tmp_path / "here" / path)
        found = load(f"runner.{name}={path}").runner(name)
        assert found == ([expected] if name in LISTS else expected)


@pytest.mark.parametrize("name", INPUTS + OUTPUTS)
def test_only_input_paths_are_also_looked_for_beside_the_file(load, tmp_path, name):
    (tmp_path / "model" / "there").mkdir(parents=True)
    place = "model" if name in INPUTS else "here"
    expected = str(tmp_path / place / "there")
    found = load(f"runner.{name}=there").runner(name)
    assert found == ([expected] if name in LISTS else expected)


def test_predictions_never_replace_a_file_beside_the_yaml(load, tmp_path):
    (tmp_path / "model" / "rows.csv").write_text("mine")
    config = load("runner.save_predictions=rows.csv")
    assert config.runner("save_predictions") == str(tmp_path / "here" / "rows.csv")


def test_an_error_names_where_the_value_is_set(load):
    config = load("runner.train_data_dir=nowhere")
    assert str(config.error("runner.train_data_dir", "no")) == (
        "-o: runner.train_data_dir = 'nowhere': no"
    )
    place = f"{config.yaml_path}, line 5"
    assert str(config.error("runner.epochs", "no")) == f"{place}: runner.epochs = 2: no"
    assert str(config.error("runner.seed", "no")) == f"{config.yaml_path}: runner.seed = None: no"


def test_loading_follows_a_folder_to_save_in_that_is_given_with_o(load, tmp_path):
    """Else evaluation would read another run: the one that the YAML's folder holds."""
    same = BASE.replace("runner:\n", "runner:\n  model_save_path: a\n  infer_load_path: ./a/\n")
    other = same.replace("./a/", "b")
    here, beside = tmp_path / "here" / "new", tmp_path / "model"
    (beside / "new").mkdir(parents=True)  # an input is also looked for beside the YAML: not here
    save = "runner.model_save_path=new"
    loads = {
        (same, save): here,
        (same,): beside / "a",
        (other, save): beside / "b",
        (same, save, "runner.infer_load_path=b"): tmp_path / "here" / "b",
    }
    for (text, *options), expected in loads.items():
        assert load(*options, text=text).runner("infer_load_path") == str(expected)
    assert load(save).runner("infer_load_path") is None  # not set: it is the folder to save in

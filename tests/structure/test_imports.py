"""Imports run downwards only: no circle of modules, no import of a package above one's own."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Lowest first. A module imports from its own package and from those before it.
ENGINE = (
    "system",
    "config",
    "distributed",
    "model_folder",
    "checkpoints",
    "data",
    "graphs",
    "evaluation",
    "training",
    "parameter_servers",
    "deployment.exported_model",
    "deployment.predictors",
    "deployment.export",
    "deployment.inference",
    "serving",
    "command_line",
    "commands",
)
MODELS = (
    "checks",
    "hyper_parameters",
    "layout",
    "options",
    "fast_step",
    "layers",
    "inputs",
    "tasks",
    "optimizers",
    "paddlerec",
    "contract",
)
LAYERS = {"engine": ENGINE, "models.common": MODELS}


def sources():
    """Returns the project's modules by dotted name, tests left out."""
    found = {}
    for top in ("tools", "models", "datasets", "benchmarks"):
        for path in sorted((ROOT / top).rglob("*.py")):
            place = path.relative_to(ROOT / "tools" if top == "tools" else ROOT)
            parts = place.with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if "ali-ccp" not in parts:  # the same folder as ali_ccp
                found[name] = path
    return found


SOURCES = sources()


def imported(name):
    """Returns the project's modules that a module imports, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(SOURCES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for each in wanted:
            known = each if each in SOURCES else each.rpartition(".")[0]
            if known in SOURCES and known != name:
                found.add(known)
    return found


GRAPH = {name: imported(name) for name in SOURCES}


def level(name, root):
    """Returns the place of a module's package among those of ``root``; None outside of it."""
    for place, package in enumerate(LAYERS[root]):
        if f"{name}.".startswith(f"{root}.{package}."):
            return place
    return None


def test_no_circle_of_imports():
    try:
        list(TopologicalSorter(GRAPH).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("root", LAYERS)
def test_imports_run_downwards(root):
    upward = []
    for name, imports in GRAPH.items():
        own = level(name, root)
        for other in imports if own is not None else ():
            above = level(other, root)
            if above is not None and above > own:
                upward.append(f"{name} imports {other}")
    assert not upward


@pytest.mark.parametrize("root", LAYERS)
def test_every_module_belongs_to_a_package(root):
    free = [
        name
        for name in SOURCES
        if name.startswith(f"{root}.")
        and level(name, root) is None
        and name != f"{root}.deployment"
    ]
    assert not free


def test_models_and_data_sets_stand_without_the_tools():
    for name, imports in GRAPH.items():
        top = name.partition(".")[0]
        reached = {other.partition(".")[0] for other in imports}
        if top == "datasets":
            assert reached <= {"datasets"}, name
        elif top == "models":
            assert reached <= {"datasets", "models"}, name
        elif top == "engine":
            assert reached <= {"engine"}, name


def test_a_model_folder_imports_no_other():
    for name, imports in GRAPH.items():
        if name.startswith("models.common"):
            assert not any(other.startswith("models.multitask.") for other in imports), name


def test_only_a_few_files_lie_directly_in_the_engine():
    assert len(list((ROOT / "tools" / "engine").glob("*.py"))) <= 3


def test_packages_say_what_lives_in_them():
    for folder in ("tools/engine", "models/common", "datasets"):
        for path in (ROOT / folder).rglob("__init__.py"):
            text = path.read_text(encoding="utf-8")
            if len(list(path.parent.glob("*.py"))) > 1 and path.parent.name not in DATA_SETS:
                assert ast.get_docstring(ast.parse(text)), path


DATA_SETS = {path.parent.name for path in ROOT.glob("datasets/*/run.sh")} | {"datasets"}


@pytest.mark.parametrize("name", SOURCES)
def test_files_are_short(name):
    lines = SOURCES[name].read_text(encoding="utf-8").count("\n")
    assert lines <= 300, f"{SOURCES[name]} has {lines} lines"


@pytest.mark.parametrize("folder", ["tools/engine", "models/common", "datasets/readers"])
def test_packages_are_small(folder):
    for path in (ROOT / folder).rglob("__init__.py"):
        files = [each for each in path.parent.glob("*.py") if each.name != "__init__.py"]
        assert len(files) <= 13, f"{path.parent} has {len(files)} files"


def test_test_files_have_different_names():
    """pytest imports them by name alone, and a second one of a name is an error."""
    names = sorted(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(names) > 100
    assert [name for name, other in zip(names, names[1:]) if name == other] == []

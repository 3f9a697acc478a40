r"""Makes the folder of a new model from an existing one.

    python tools/new_model.py omoe --like mmoe
    python tools/trainer.py -m models/multitask/omoe/config.yaml

The folder models/multitask/NAME gets net.py, dygraph_model.py, static_model.py, two YAMLs, the
readers that they name, and stubs of README.md and README_CN.md. The net's class is called
NAMELayer until you rename it. The sample data are shared with the other model, not copied.
CONTRIBUTING.md says what to write next.

Errors (one line, exit code 2): the name is not an identifier in lower case or is taken; there is
no model to copy.
"""

import keyword
import os
import re
import shutil

from engine import command_line
from engine.model_folder.importing import REPOSITORY
from engine.system import logs
from engine.system.errors import UserError, nearest

_MODELS = os.path.join(REPOSITORY, "models", "multitask")
_FILES = ("net.py", "dygraph_model.py", "static_model.py", "config.yaml", "config_bigdata.yaml")
_READER = re.compile(r"^\s*\w+_reader_path: *[\"']?(\w+)", re.MULTILINE)

_README = """# {title}

One sentence: which problem this model solves, and for whom.

## The model

The equations, with the paper and its link. How it differs from `{like}`.

## Quick start

```sh
cd models/multitask/{name}
python -u ../../../tools/trainer.py -m config.yaml
python -u ../../../tools/infer.py -m config.yaml
```

## Hyper-parameters

| key | default | meaning |
|---|---|---|
"""

_README_CN = """# {title}

一句话说明：这个模型解决什么问题，适合谁使用。

## 模型

公式、论文及其链接，以及与 `{like}` 的区别。

## 快速开始

```sh
cd models/multitask/{name}
python -u ../../../tools/trainer.py -m config.yaml
python -u ../../../tools/infer.py -m config.yaml
```

## 超参数

| 键 | 默认值 | 含义 |
|---|---|---|
"""


def make(name: str, like: str) -> list[str]:
    """Makes the folder of a model and returns its files.

    Args:
        name: the new model's name, an identifier in lower case.
        like: the model to copy.

    Raises:
        UserError: the name cannot be used, or there is no such model.
    """
    taken = os.listdir(_MODELS)
    known = sorted(each for each in taken if os.path.isfile(os.path.join(_MODELS, each, "net.py")))
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"{name}: expected a name of lower-case letters, digits and underscores")
    if keyword.iskeyword(name):
        raise UserError(f"{name}: a keyword of Python cannot be the name of a model")
    if name in taken:
        raise UserError(f"{name}: models/multitask/{name} exists already")
    if like not in known:
        raise UserError(f"--like {like}: there is no such model{nearest(like, known)}")
    source, target = os.path.join(_MODELS, like), os.path.join(_MODELS, name)
    layer = f"{''.join(part.capitalize() for part in name.split('_'))}Layer"
    texts = {file: _read(os.path.join(source, file)) for file in _FILES}
    readers = {name for text in texts.values() for name in _READER.findall(text)}
    texts |= {f"{name}.py": _read(os.path.join(source, f"{name}.py")) for name in readers}
    old = re.search(r"^class (\w+)\(MultiTaskNet\)", texts["net.py"], re.MULTILINE)[1]
    names = {"title": name, "name": name, "like": like}
    texts = {file: _renamed(text, old, layer, name) for file, text in texts.items()}
    texts["README.md"], texts["README_CN.md"] = _README.format(**names), _README_CN.format(**names)
    os.makedirs(target)
    try:
        for file, text in texts.items():
            with open(os.path.join(target, file), "w", encoding="utf-8") as opened:
                opened.write(text)
    except OSError as error:
        shutil.rmtree(target)
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    return sorted(texts)


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _renamed(text: str, old: str, layer: str, name: str) -> str:
    """Returns a file of the copied model for the new one."""
    text = re.sub(r"output_model_\w+?(?=(_all)?\b)", f"output_model_{name}", text)
    text = text.replace(old, layer)
    text = re.sub(r'^"""\S+ in (dygraph|static graph)', rf'"""{layer[:-5]} in \1', text)
    # PaddleRec's names are those of the copied net.
    text = re.sub(r"^from models\.common\.paddlerec import .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^    paddlerec = .*\n", "", text, flags=re.MULTILINE)


def main() -> None:
    """Runs the command."""
    parser = command_line.Parser(__doc__)
    parser.add_argument("name", metavar="NAME", help="the new model, such as omoe")
    parser.add_argument("--like", required=True, metavar="MODEL", help="the model to copy")
    arguments = parser.parse_args()
    files = make(arguments.name, arguments.like)
    folder = f"models/multitask/{arguments.name}"
    logs.show(f"made {folder}: {', '.join(files)}")
    if not arguments.quiet:
        command = f"python tools/trainer.py -m {folder}/config.yaml"
        logs.show(f"next: write {folder}/net.py, then {command}")


if __name__ == "__main__":
    command_line.run(main)

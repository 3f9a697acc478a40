"""The keys of the YAML that tools/compare.py reads: data sets, models, references and matrices."""

# No annotations from __future__: Pydantic evaluates them, and Python 3.9 has no `X | None`.
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Optional, Union

from engine.config.runner_keys import METRICS
from engine.config.yaml_models import (
    AfterValidator,
    BeforeValidator,
    Entry,
    Field,
    ValidationInfo,
    model_validator,
)
from engine.system import paths
from engine.system.errors import nearest

LANGUAGES = ("en", "zh")
LAST, BEST, MEAN = "last", "best", "mean"
_REFERENCED = ("auc", "acc", "xauc", "mae")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def _check_name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"expected a name of letters, digits, dots, _ and -, found {name!r:.60}")
    return name


def _translate(text: Any) -> Any:
    if not isinstance(text, (str, dict, Translations)):
        raise ValueError(f"expected a text or {{en: ..., zh: ...}}, found {text!r:.60}")
    return dict.fromkeys(LANGUAGES, text) if isinstance(text, str) else text


def _resolve(path: str, info: ValidationInfo) -> str:
    return os.path.normpath(os.path.join(info.context["folder"], paths.expand_home(path)))


def _check_file(path: str) -> str:
    if not os.path.isfile(path):
        raise ValueError(f"there is no file {path}")
    return path


def _check_option(option: str) -> str:
    if "=" not in option:
        raise ValueError(f"expected key=value, found {option!r:.60}")
    return option


def _check_figure(number: Any) -> float:
    if not isinstance(number, float) or not 0 < number < 1:
        raise ValueError(f"expected a number between 0 and 1, found {number!r:.60}")
    return number


def _check_error(number: Any) -> float:
    if type(number) not in (int, float) or not 0 < number < float("inf"):
        raise ValueError(f"expected a positive number, found {number!r:.60}")
    return float(number)


def _check_choice(choice: Any) -> Any:
    if not isinstance(choice, (dict, Choice)) and choice not in (LAST, BEST):
        expected = f"{LAST}, {BEST} or {{by: ..., metric: ...}}"
        raise ValueError(f"expected {expected}, found {choice!r:.60}")
    return choice


class Translations(Entry):
    """A text in each language."""

    en: str
    zh: str

    def __getitem__(self, language: str) -> str:
        return getattr(self, language)


Name = Annotated[Any, BeforeValidator(_check_name)]
Text = Annotated[Translations, BeforeValidator(_translate)]
Path = Annotated[str, AfterValidator(_resolve)]  # relative to the YAML
Figures = dict[str, Annotated[Any, AfterValidator(_check_figure)]]  # by task
Errors = dict[str, Annotated[Any, AfterValidator(_check_error)]]
Seeds = list[Annotated[int, Field(ge=0)]]
Threads = Annotated[int, Field(ge=1)]


class Reference(Entry):
    """Figures from elsewhere that models are compared with.

    Attributes:
        name: who measured or published them.
        source: where they come from.
        model: the model that they belong to; None for a reference of all models.
        auc: AUC by task.
        acc: accuracy by task.
        xauc: XAUC by task.
        mae: mean absolute error by task, in the label's unit.
    """

    name: str
    source: Text
    model: Optional[str] = None
    auc: Figures = Field({})
    acc: Figures = Field({})
    xauc: Figures = Field({})
    mae: Errors = Field({})

    @model_validator(mode="after")
    def _check_figures(self) -> "Reference":
        if not (self.auc or self.acc or self.xauc or self.mae):
            raise ValueError("expected auc, acc, xauc or mae by task")
        return self

    def figures(self, metric: str) -> Mapping[str, float]:
        """Returns the figures of a metric, by task."""
        return getattr(self, metric) if metric in _REFERENCED else {}


class Choice(Entry):
    """A curve chooses the checkpoint that is tested.

    Attributes:
        by: the name of the curve.
        metric: a metric of the curve, such as ``auc_income``, or ``mean``; see
            `early_stopping.metrics_in_mean`.
    """

    by: str
    metric: str = MEAN


class Model(Entry):
    """A model of a data set.

    Attributes:
        yaml: path of the configuration.
        opt: values for ``-o``.
        seeds: seeds of this model; None for those of the matrix.
    """

    yaml: Annotated[Path, AfterValidator(_check_file)]
    opt: list[Annotated[str, AfterValidator(_check_option)]] = Field([])
    seeds: Optional[Seeds] = None


class DataSet(Entry):
    """A data set and what its models have in common.

    Attributes:
        protocol: which rows train, choose and test.
        models: the models by name.
        title: the title on the pages; default: the name of the data set.
        curves: folders that are evaluated after every epoch, by name.
        choose: how the checkpoint is chosen: ``last``, ``best`` or by a curve.
        metrics: ``runner.metrics`` of the test. If they are not set, a model that predicts numbers
            has their main metrics too.
        slice_by: ``runner.slice_by``.
        gauc_column: ``runner.gauc_column``.
        references: the first one without a model is the line in the plots.
    """

    protocol: Text
    models: dict[Name, Model]
    title: Optional[Text] = None
    curves: dict[Name, Path] = Field({})
    choose: Annotated[Union[Choice, str], BeforeValidator(_check_choice)] = LAST
    metrics: list[Literal[METRICS]] = Field(
        ["auc", "acc", "logloss", "calibration", "ece"], min_length=1
    )
    slice_by: Optional[str] = None
    gauc_column: Optional[str] = None
    references: list[Reference] = Field([])

    @model_validator(mode="after")
    def _check_names(self) -> "DataSet":
        if "gauc" in self.metrics and not self.gauc_column:
            raise ValueError("metrics: gauc needs gauc_column")
        if self.gauc_column and "gauc" not in self.metrics:
            raise ValueError("gauc_column: it has no effect without gauc in metrics")
        if isinstance(self.choose, Choice) and self.choose.by not in self.curves:
            known = ", ".join(self.curves) or "none"
            raise ValueError(
                f"choose: by: expected one of curves ({known}), found {self.choose.by}"
            )
        for model in (each.model for each in self.references if each.model is not None):
            if model not in self.models:
                raise ValueError(f"references: no model {model}{nearest(model, self.models)}")
        return self


class MatrixEntry(Entry):
    """The data sets of a matrix and its folder for pages; see `Comparison` for the rest."""

    data: list[str] = Field(min_length=1)
    report_dir: Path
    seeds: Optional[Seeds] = None
    threads: Optional[Threads] = None


class Comparison(Entry):
    """The complete file.

    Attributes:
        results_dir: folder for the results of cells.
        data: data sets by name.
        matrices: matrices by name.
        seeds: values of ``runner.seed``, where a model and a matrix have none.
        threads: threads of each command, where a matrix has none.
    """

    results_dir: Path
    data: dict[Name, DataSet]
    matrices: dict[Name, MatrixEntry] = Field(min_length=1)
    seeds: Seeds = Field([12345])
    threads: Threads = 1

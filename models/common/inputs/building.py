"""Builds the inputs of a configuration's net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paddle.static import InputSpec

from datasets.readers import checks
from datasets.readers.sparse_fields import SparseField, fields_of
from models.common.checks import flag, whole
from models.common.hyper_parameters import DEFAULTS, SECTION, value
from models.common.inputs.dense_embeddings import registry as dense_embeddings
from models.common.inputs.embeddings import FieldEmbedding
from models.common.inputs.features import NEEDS
from models.common.inputs.inputs import Inputs
from models.common.inputs.scaling import PiecewiseLinear, Standardize
from models.common.layers.interactions import registry as interactions
from models.common.layout import DENSE, GROUPS, OTHERS, Layout, groups_of

DOMAIN = f"{SECTION}.domain"
COLUMNS = f"{SECTION}.dense_columns"
_NOT_FOR_IMAGES = (
    *("feature_size", "dense_input_dim", "standardize", "sparse_fields", "dense_bins"),
    *("dense_embedding", "dense_batch_norm", "dense_columns", "bottom", "feature_groups", "domain"),
)


def input_specs(config) -> list[InputSpec]:
    """Returns the inputs of a configuration's net: names, dtypes, shapes.

    Raises:
        ValueError: a hyper-parameter is out of range, or contradicts another.
    """
    fields = fields_of(config)
    image = whole("image_size", value(config, "image_size"), minimum=0)
    if image:
        for key in _NOT_FOR_IMAGES:
            if config.get(f"{SECTION}.{key}"):
                raise ValueError(
                    f"{SECTION}.image_size: the inputs are images, so {key} must not be set"
                )
        return [InputSpec([None, 1, image, image], "float32", "image")]
    if not fields:
        size = whole("feature_size", value(config, "feature_size"))
        return [InputSpec([None, size], "float32", "input")]
    dense = dense_input_dim(config, fields)
    specs = [InputSpec([None, dense], "float32", "dense")] if dense else []
    specs.append(InputSpec([None, sum(field.max_len for field in fields)], "int64", "sparse"))
    weights = sum(field.max_len for field in fields if field.weighted)
    return specs + ([InputSpec([None, weights], "float32", "weights")] if weights else [])


def inputs_of(config, needs: Sequence[str] = (), table_num: int = 1) -> Inputs:
    """Returns the inputs of a configuration.

    Args:
        config: the flat configuration.
        needs: what the net reads beside the features: a subset of `features.NEEDS`.
        table_num: the tables of fields with ``tables: per_task``.

    Raises:
        ValueError: a hyper-parameter is out of range, or contradicts another.
    """
    specs, fields = input_specs(config), fields_of(config)
    if len(specs[0].shape) > 2:  # images
        return Inputs(specs)
    _check_needs(config, needs, fields)
    dense_num = dense_input_dim(config, fields)
    width = specs[0].shape[1] if specs[0].name != "sparse" else 0
    layers = dense_embeddings.create(config, dense_num, width)
    scale = _scale(config, width, dense_num)
    layout = layout_of(config)
    embedding = None
    if fields:
        sparse = flag("sparse_gradients", value(config, "sparse_gradients"))
        embedding = FieldEmbedding(fields, layout.embedding_size, sparse, table_num)
    bottom = interactions.create(value(config, "bottom"), layout)
    if bottom is not None and "tables" in needs:
        raise ValueError(
            f"{SECTION}.bottom: expected none, found {value(config, 'bottom')!r}: this net reads "
            "the features of each task's table, which do not go through a bottom"
        )
    domain = _domain(config, fields) if "domain" in needs else None
    return Inputs(specs, layout, scale, embedding, layers, bottom, needs, domain)


def layout_of(config) -> Layout:
    """Returns the parts of a configuration's features, before ``bottom``.

    Raises:
        ValueError: a hyper-parameter is malformed.
    """
    specs, fields = input_specs(config), fields_of(config)
    dense_num = dense_input_dim(config, fields)
    if specs[0].name == "input":  # without scaling nobody needs to say how many are dense
        dense_num = min(dense_num, specs[0].shape[1])
    width = _bins(config) * dense_embeddings.width(config)
    names = [field.name for field in fields]
    columns = {
        f"{DENSE} {name}" if name in names else name: count  # a column may be both
        for name, count in _dense_columns(config, dense_num).items()
    }
    parts = {name: count * width for name, count in columns.items()}
    if specs[0].name == "input" and specs[0].shape[1] > dense_num:
        parts[OTHERS] = specs[0].shape[1] - dense_num
    size = whole("embedding_size", value(config, "embedding_size")) if fields else 0
    parts.update(dict.fromkeys(names, size))
    groups = groups_of(value(config, "feature_groups"), list(parts), list(columns))
    return Layout(tuple(parts), tuple(parts.values()), tuple(names), size, tuple(columns), groups)


def _bins(config) -> int:
    return whole("dense_bins", value(config, "dense_bins"), minimum=0) or 1


def dense_input_dim(config, fields: Sequence) -> int:
    """Returns how many of a configuration's features are dense numbers."""
    default = 0 if fields else DEFAULTS["dense_input_dim"]
    given = config.get(f"{SECTION}.dense_input_dim", default)
    return whole("dense_input_dim", given, minimum=0)


def _dense_columns(config, dense_num: int) -> dict[str, int]:
    """Returns how many dense numbers each name of ``dense_columns`` stands for."""
    entries = value(config, "dense_columns")
    if entries is None:
        return {DENSE: dense_num} if dense_num else {}
    columns: dict[str, int] = {}
    for entry in checks.list_of("columns", COLUMNS, entries):
        settings = entry if isinstance(entry, Mapping) else {"name": entry}
        checks.keys(COLUMNS, settings, ("name",), ("size",))
        name = settings["name"]
        if not isinstance(name, str) or name in columns or name == DENSE:
            checks.fail(COLUMNS, f"different names, none of them {DENSE}", name)
        columns[name] = checks.integer(f"{COLUMNS}: {name}: size", settings.get("size", 1), 1)
    if sum(columns.values()) != dense_num:
        expected = f"as many columns as {SECTION}.dense_input_dim, {dense_num}"
        checks.fail(COLUMNS, expected, sum(columns.values()))
    return columns


def _check_needs(config, needs: Sequence[str], fields: Sequence[SparseField]) -> None:
    """Checks that the net reads what the configuration declares, and the reverse.

    Raises:
        ValueError: one of them has no effect, or is missing.
    """
    for name in needs:
        if name not in NEEDS:
            raise ValueError(f"needs: expected {', '.join(NEEDS)}, found {name!r}")
    for key, name in ((GROUPS, "groups"), (DOMAIN, "domain")):
        given = bool(config.get(key))
        if given and name not in needs:
            raise ValueError(f"{key}: it has no effect: this net reads no {name}")
        if name in needs and not given:
            raise ValueError(f"{key}: it is not set, and the net reads {name}")
    own = [field.name for field in fields if field.tables is not None]
    if own and "tables" not in needs:
        key = f"{SECTION}.sparse_fields: {own[0]}: tables"
        raise ValueError(f"{key}: it has no effect: this net reads one table a field")


def _domain(config, fields: Sequence[SparseField]) -> int:
    """Returns the column of the domain's ids.

    Raises:
        ValueError: ``domain`` names no field of one id.
    """
    name, column = config.get(DOMAIN), 0
    for field in fields:
        if field.name == name and field.max_len == 1:
            return column
        column += field.max_len
    single = ", ".join(field.name for field in fields if field.max_len == 1) or "there is none"
    return checks.fail(DOMAIN, f"a sparse field of one id ({single})", name)


def domain_num(config) -> int:
    """Returns the number of domains: the size of the field of ``hyper_parameters.domain``."""
    sizes = {field.name: field.size for field in fields_of(config)}
    return sizes.get(config.get(DOMAIN), 1)


def _scale(config, width: int, dense: int) -> Standardize | PiecewiseLinear | None:
    """Returns the layer that scales the leading ``dense`` of ``width`` features, or None."""
    bins = whole("dense_bins", value(config, "dense_bins"), minimum=0)
    bins = bins or dense_embeddings.bins(config)
    wanted = flag("standardize", value(config, "standardize"))
    if bins and not dense:
        raise ValueError(f"{SECTION}.dense_bins: there are no dense features (dense_input_dim = 0)")
    if not dense or not (bins or wanted):
        return None
    if dense > width:
        raise ValueError(f"{SECTION}.dense_input_dim: {dense} is more than feature_size, {width}")
    return PiecewiseLinear(width, dense, bins) if bins else Standardize(width, dense)

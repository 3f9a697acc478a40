"""Hypothesis generates YAML, `-o` and nested hyper-parameters for readers and models."""

import yaml
import yaml_texts
from hypothesis import given
from hypothesis import strategies as st

from engine.config.runner_keys import RUNNER

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_subnormal=False),
    st.text(max_size=6),
    st.binary(max_size=4),
    st.dates(),
    st.sampled_from([2**63, 10**400, -1, "\0", "\ud800", "1e-3", "1e400", ".inf", "[", "&a", "*a"]),
    st.sampled_from(["1:30", "012", "0o17", "0x1f", "0b1", "1_000", "yes", "Off", "2026-01-31"]),
    st.from_regex(r"[-+]?[0-9._:oxbeE]{1,6}", fullmatch=True),  # numbers and similar texts
)
names = ["name", "size", "max_len", "pooling", "share", "label_column", "weight", "rows", "fill"]
names += ["min_count", "hash_buckets", "separator"]
keys = st.one_of(st.sampled_from(names), st.text(max_size=3), st.integers(), st.none())
trees = st.recursive(
    scalars,
    lambda parts: st.one_of(st.lists(parts, max_size=3), st.dictionaries(keys, parts, max_size=4)),
    max_leaves=12,
)
runner = st.dictionaries(st.sampled_from([*RUNNER, "epoch", ""]), trees, max_size=5)
hyper = st.dictionaries(st.sampled_from([*yaml_texts.DECLARED, "tasks"]), trees, max_size=5)


class Unquoted(yaml.SafeDumper):
    """Writes texts without quotes wherever that is YAML, even if they are then other types."""

    def choose_scalar_style(self):
        style = super().choose_scalar_style()
        if not self.analysis.allow_flow_plain or not self.event.implicit[1]:
            return style
        self.event.implicit = (True, True)
        return ""


@given(
    st.dictionaries(keys, trees, max_size=3),
    runner,
    hyper,
    st.booleans(),
    st.sampled_from([yaml.SafeDumper, Unquoted]),
)
def test_structures_written_as_yaml(others, runner, hyper, declared, dumper):
    content = {**others, "runner": runner, "hyper_parameters": hyper}
    text = yaml.dump(content, Dumper=dumper, allow_unicode=True)
    yaml_texts.check_yaml(text.encode("utf-8", "surrogatepass"), declared)


PIECES = [token.decode() for token in yaml_texts.TOKENS] + ["epochs", "1", "a", "'", '"', "#", "\r"]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=2)), max_size=25))
def test_pieces_of_yaml(pieces):
    yaml_texts.check_yaml("".join(pieces).encode("utf-8", "surrogatepass"), True)


entries = st.fixed_dictionaries(
    {"name": st.one_of(st.sampled_from("abc"), scalars)},
    optional={name: scalars | st.sampled_from("abc") for name in names[1:]},
)
blocks = st.one_of(trees, st.lists(st.one_of(entries, trees, st.sampled_from("abc")), max_size=3))
block_keys = ["tasks", "sparse_fields", "table.labels", "table.dense", "table.sparse"]
block_keys += ["table.missing", "table.delimiter", "table.column_names"]


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(block_keys, blocks)))
def test_blocks_of_readers_and_models(values):
    yaml_texts.check_blocks(values)


@given(blocks)
def test_sparse_columns_of_a_table(sparse):
    yaml_texts.check_blocks({"table.labels": ["y"], "table.sparse": sparse})


options = st.one_of(
    st.tuples(
        st.sampled_from(
            [f"runner.{name}" for name in RUNNER]
            + [f"hyper_parameters.{name}" for name in yaml_texts.DECLARED]
            + ["", "a..b", "runner", "runner.", "."]
        ),
        st.one_of(
            st.integers().map(str),
            st.floats(allow_subnormal=False).map(str),
            st.sampled_from(["", "null", "[1, 2]", "{a: 1}", "1=2", "1e400", "0x", "&a [*a]"]),
            st.sampled_from(["1:30", "012", "0o17", "0x1f", "0b1", "1_000", "yes", "Off", "--5"]),
            st.from_regex(r"[-+]?[0-9._:oxbeE]{1,6}", fullmatch=True),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6),
        ),
    ).map("=".join),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
)


@given(st.lists(options, max_size=3))
def test_options(texts):
    yaml_texts.check_options(texts)

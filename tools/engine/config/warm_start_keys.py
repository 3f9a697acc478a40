"""The ``runner.*`` keys of a warm start and of vocabularies that grow."""

from __future__ import annotations

from engine.config.runner_key import Key, at_least, is_names

NEW_ROWS = ("random", "mean", "zeros")

WARM_START = {
    "model_init_path": Key(
        "path", None, "Warm start: folder of one epoch's checkpoint, from which parameters load."
    ),
    "init_scope": Key(
        "any",
        "all",
        "Parameters that a warm start loads: `all`, `sparse` (embedding tables), or a list of name "
        "patterns.",
        "all, sparse or a list of name patterns",
        lambda value: value in ("all", "sparse") or is_names(value),
    ),
    "extend_vocabulary": Key(
        "bool",
        False,
        "A warm start or a resume adds the values of new training files to the vocabularies of the "
        "checkpoint, whose ids keep their rows; a training from scratch counts its values for "
        "that. See [features.md](features.md).",
    ),
    "new_rows": Key(
        "text",
        "random",
        "Rows of embedding tables for new ids, with `extend_vocabulary`: `random` as in a new "
        "table, the `mean` of the field's kept rows, or `zeros`.",
        "random, mean or zeros",
        lambda value: value in NEW_ROWS,
    ),
    "evict_after": at_least(
        1,
        None,
        "With `extend_vocabulary`: ids whose values are missing in the training files of this "
        "many consecutive extensions are evicted. If not set, none are.",
    ),
    "evict_below": at_least(
        2,
        None,
        "With `extend_vocabulary`: ids whose values have fewer training rows than this in all, "
        "and none in the new files, are evicted. If not set, none are.",
    ),
}

#!/bin/sh
# Prepares the data set video: the census table with other label names, see README.md.
#   [RAW_DIR=/path/to/files] sh run.sh    as datasets/census/run.sh
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
sh "$here/../census/run.sh" --output_dir "$here" "$@" || exit
echo "column 1 is completion, column 2 is like"

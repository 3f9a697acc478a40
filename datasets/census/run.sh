#!/bin/sh
# Fetch and prepare Census-Income (KDD): train_all/, valid_all/ and test_all/ beside this file.
#   sh run.sh                             downloads the raw files (CENSUS_URL: from elsewhere)
#   RAW_DIR=/path/to/files sh run.sh      takes them from there
# Options are those of prepare.py, such as --force. PYTHON says which Python runs it.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
exec sh "$here/../preparing/prepare.sh" census "$@"

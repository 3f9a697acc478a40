#!/bin/sh
# Fetch and prepare KuaiRand-Pure: train_all/, train_fit/, valid_all/ and test_all/ beside this file.
#   sh run.sh                             downloads the raw files (KUAIRAND_URL: from elsewhere)
#   RAW_DIR=/path/to/files sh run.sh      takes them from there
# Options are those of prepare.py, such as --force. PYTHON says which Python runs it.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
exec sh "$here/../preparing/prepare.sh" kuairand "$@"

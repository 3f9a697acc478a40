#!/bin/sh
# Downloads and prepares KuaiRand-Pure: train_all/, train_fit/, valid_all/, test_all/ in this folder.
#   sh run.sh                             downloads the raw files (KUAIRAND_URL: another address)
#   RAW_DIR=/path/to/files sh run.sh      uses the raw files in a folder
# Options are those of prepare.py, such as --force. PYTHON is the Python that runs it.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
exec sh "$here/../preparing/prepare.sh" kuairand "$@"

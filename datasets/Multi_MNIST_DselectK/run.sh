#!/bin/sh
# Downloads and prepares Multi-MNIST: train_all/, valid_all/ and test_all/ in this folder.
#   sh run.sh                             downloads MNIST (MNIST_URL: another address), overlays digits
#   RAW_DIR=/path/to/files sh run.sh      uses MNIST's files in a folder
#   sh run.sh --source paddlerec          uses PaddleRec's archive (MULTI_MNIST_URL: another address)
# Options are those of prepare.py, such as --force. PYTHON is the Python that runs it.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
exec sh "$here/../preparing/prepare.sh" Multi_MNIST_DselectK "$@"

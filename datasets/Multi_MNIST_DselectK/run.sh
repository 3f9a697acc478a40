#!/bin/sh
# Fetch and prepare Multi-MNIST: train_all/, valid_all/ and test_all/ beside this file.
#   sh run.sh                             downloads MNIST (MNIST_URL: from elsewhere), overlays digits
#   RAW_DIR=/path/to/files sh run.sh      takes MNIST's files from there
#   sh run.sh --source paddlerec          PaddleRec's archive (MULTI_MNIST_URL: from elsewhere)
# Options are those of prepare.py, such as --force. PYTHON says which Python runs it.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
exec sh "$here/../preparing/prepare.sh" Multi_MNIST_DselectK "$@"

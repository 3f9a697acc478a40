#!/bin/sh
# Fetch and prepare Multi-MNIST: train_all/, valid_all/ and test_all/ beside this file.
#   sh run.sh                             PaddleRec's archive (MULTI_MNIST_URL: from elsewhere)
#   sh run.sh --source mnist              overlays MNIST's digits (MNIST_URL: from elsewhere)
#   RAW_DIR=/path/to/files sh run.sh      the same, of MNIST's files that are there
# Options are those of prepare.py, such as --force. PYTHON says which Python runs it.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
exec sh "$here/../prepare.sh" Multi_MNIST_DselectK "$@"

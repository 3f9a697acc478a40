#!/bin/sh
# Fetch and prepare Multi-MNIST: train_all/, valid_all/ and test_all/ beside this file.
#   sh run.sh                             PaddleRec's archive (MULTI_MNIST_URL: from elsewhere)
#   sh run.sh --source mnist              overlays MNIST's digits (MNIST_URL: from elsewhere)
#   RAW_DIR=/path/to/files sh run.sh      the same, of MNIST's files that are there
# Options are those of prepare.py, such as --force. PYTHON says which Python runs it.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
root=$here/../..

if [ -z "${PYTHON:-}" ]; then
    for PYTHON in "$root/.venv/bin/python" python3 python; do
        command -v "$PYTHON" >/dev/null 2>&1 && break
    done
fi
if ! "$PYTHON" -c 'import httpx, numpy' >/dev/null 2>&1; then
    echo "error: $PYTHON: expected a Python with the packages of requirements.txt" >&2
    exit 2
fi

# The caller's folder stays the current one: RAW_DIR and options may be relative to it.
exec "$PYTHON" -c '
import sys
sys.path.insert(0, sys.argv.pop(1))
from datasets.Multi_MNIST_DselectK.prepare import main
sys.exit(main())' "$root" "$@"

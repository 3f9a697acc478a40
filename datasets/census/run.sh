#!/bin/sh
# Fetch and prepare Census-Income (KDD): train_all/, valid_all/ and test_all/ beside this file.
#   sh run.sh                             downloads the raw files (CENSUS_URL: from elsewhere)
#   RAW_DIR=/path/to/files sh run.sh      takes them from there
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
from datasets.census.prepare import main
sys.exit(main())' "$root" "$@"

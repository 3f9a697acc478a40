#!/bin/sh
# Runs datasets/NAME/prepare.py for a run.sh: prepare.sh NAME [options of prepare.py]
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

# The current directory stays the user's: RAW_DIR and options may be relative to it.
exec "$PYTHON" -c '
import importlib, sys
sys.path.insert(0, sys.argv.pop(1))
sys.exit(importlib.import_module(f"datasets.{sys.argv.pop(1)}.prepare").main())' "$root" "$@"

#!/bin/sh
# Downloads and checks PaddleRec's files of Ali-CCP: train_all/ and test_all/ in this folder.
#   sh run.sh                             downloads the raw files (ALI_CCP_URL: another address)
#   RAW_DIR=/path/to/files sh run.sh      uses the raw files in a folder
# Options are those of prepare.py, such as --force. PYTHON is the Python that runs it.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 2
exec sh "$here/../preparing/prepare.sh" ali_ccp "$@"

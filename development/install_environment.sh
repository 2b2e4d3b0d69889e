#!/bin/sh
# install_environment.sh NAME ...: install the environments of requirements/NAME.txt in .verger/venv/NAME, as `make
# setup` does. It is for the Dockerfile: uv and its cache are removed before the end of the layer.
set -eu

python3 -m venv /tmp/uv
/tmp/uv/bin/python -m pip install -q --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/uv.txt
export UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
for name; do
  /tmp/uv/bin/uv venv -q ".verger/venv/$name"
  # COMPILE: also compile byte code, for images with a read-only file system.
  /tmp/uv/bin/uv pip install -q --python ".verger/venv/$name/bin/python" ${COMPILE:+--compile-bytecode} \
    --require-hashes -r "requirements/$name.txt"
done
rm -rf /tmp/uv

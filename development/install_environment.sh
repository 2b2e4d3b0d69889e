#!/bin/sh
# install_environment.sh NAME ...: the environments of requirements/NAME.txt in .verger/venv/NAME, as `make setup` would
# install them. For the Dockerfile: what installs them goes again before the layer is kept.
set -eu

python3 -m venv /tmp/uv
/tmp/uv/bin/python -m pip install -q --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/uv.txt
export UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
for name; do
  /tmp/uv/bin/uv venv -q ".verger/venv/$name"
  # COMPILE: with byte code, for images whose files nobody may write.
  /tmp/uv/bin/uv pip install -q --python ".verger/venv/$name/bin/python" ${COMPILE:+--compile-bytecode} \
    --require-hashes -r "requirements/$name.txt"
done
rm -rf /tmp/uv

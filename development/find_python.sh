#!/usr/bin/env bash
# Print the path of a Python of a minor version: of PATH, of pyenv, or of uv, which downloads it where it can.
#
#     development/find_python.sh 3.12 path/to/uv
set -uo pipefail

version=$1 uv=$2

works() { "$1" -c "import sys, venv, sqlite3; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; }

# A shim of pyenv is in PATH for each version, but runs only the versions that pyenv has selected.
for python in "$(command -v "python$version")" "$(pyenv root 2>/dev/null)"/versions/"$version".*/bin/python; do
  if works "$python"; then
    echo "$python"
    exit
  fi
done
UV_HTTP_TIMEOUT=30 "$uv" python install -q "$version" 2>/dev/null && exec "$uv" python find -q "$version"
exit 1

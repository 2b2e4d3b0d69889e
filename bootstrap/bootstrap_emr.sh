#!/usr/bin/env bash
#
# bootstrap_emr.sh s3://<bucket>/artifacts/<sha256> [<env dir>]
# bootstrap_emr.sh file:///<folder>/<sha256> [<env dir>]
#
# EMR bootstrap action: gives a node the Python environment of Verger's steps, as <env dir>/bin/python (default
# /opt/verger/env). Everything comes out of the artifact set in the bucket, so that nodes need no internet; the set's
# name is the SHA-256 of its manifest, and the manifest knows the SHA-256 of the wheelhouse, so that nothing else can
# be installed. The environment is isolated: what Python packages the release ships is neither used nor touched.
#
# <env dir> is a symbolic link to node-<sha256 of the wheelhouse> beside it, which holds the virtual environment and,
# written last, a marker file. Run again with the same wheelhouse it only links; with another one it builds beside the
# old environment, which running jobs may still use, and then moves the link.
#
# Needs aws (for s3://), tar, flock, sha256sum and a Python 3.11, with or without pip; PYTHON names one that is not on
# PATH. Runs as any user; turns to sudo only where <env dir>'s folder cannot be written otherwise.
set -euo pipefail

readonly MODULES="ai_edge_litert.interpreter, PIL.Image, numpy, pyarrow.parquet, pandas, obstore"

log() { printf '%s verger-bootstrap: %s\n' "$(date +%H:%M:%S)" "$*"; }
die() {
  log "error: $*" >&2
  exit 1
}

main() {
  [[ $# -ge 1 && $# -le 2 ]] || die "usage: bootstrap_emr.sh s3://<bucket>/artifacts/<sha256> [<env dir>]"
  local uri=${1%/} env_dir=${2:-/opt/verger/env}
  env_dir=${env_dir%/}
  [[ $uri =~ ^(s3|file)://.*/[0-9a-f]{64}$ ]] || die "$1: expected s3://<bucket>/artifacts/<sha256 of manifest.json>"
  [[ $env_dir == /?* ]] || die "$env_dir: expected an absolute path for the environment"

  umask 022 # YARN containers run as other users than the one that installs
  unset PYTHONPATH PYTHONHOME
  become_able_to_write "$env_dir" "$@"
  local python
  python=$(find_python)

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  fetch "$uri" manifest.json "${uri##*/}"
  local arch sha256 tar
  arch=$(manifest "$python" '["arch"]')
  [[ $arch == "$(uname -m)" ]] ||
    die "$uri: made for $arch, this node is $(uname -m); build the set with --arch $(uname -m)"
  tar=node-$arch.tar
  sha256=$(manifest "$python" "['files']['$tar']['sha256']")

  local home
  home=$(dirname "$env_dir")/node-${sha256:0:16}
  exec 9>"$home.lock"
  flock 9 # two clusters may share one machine
  if is_complete "$home" "$sha256"; then
    log "$home already holds this wheelhouse"
  else
    fetch "$uri" "$tar" "$sha256"
    install "$home" "$python" "$tar"
    printf '%s\n' "$sha256" >"$home/.verger-wheelhouse"
  fi
  link "$env_dir" "$home"
  log "$env_dir/bin/python is ready, $SECONDS s"
}

# Carries on as root where the folder of the environment is not this user's to write.
become_able_to_write() {
  local parent
  parent=$(dirname "$1")
  shift
  if mkdir -p "$parent" 2>/dev/null && [[ -w $parent ]]; then return; fi
  [[ $EUID -ne 0 ]] || die "$parent: cannot be written, even by root"
  command -v sudo >/dev/null || die "$parent: cannot be written by $(id -un), and there is no sudo"
  log "$parent cannot be written by $(id -un): continuing with sudo"
  exec sudo -n --preserve-env env "PATH=$PATH" bash "$0" "$@"
}

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
    [[ $candidate != "${PYTHON:-}" ]] || die "PYTHON=$PYTHON: not a Python 3.11"
  done
  die "no Python 3.11 on this node (looked for python3.11 and python3 on PATH); use a release that has it, or set PYTHON"
}

# fetch <uri> <name> <sha256>: a file of the set, into the working folder, checked.
fetch() {
  local found path
  if [[ $1 == file://* ]]; then
    path=${1#file://}
    printf -v path '%b' "${path//%/\\x}" # %20 and the like
    cp "$path/$2" "$work/$2" 2>"$work/error" || die "$1/$2: cannot be fetched: $(tail -n 1 "$work/error")"
  else
    aws s3 cp --only-show-errors "$1/$2" "$work/$2" 2>"$work/error" </dev/null ||
      die "$1/$2: cannot be fetched: $(tail -n 1 "$work/error")"
  fi
  found=$(sha256sum "$work/$2")
  [[ ${found%% *} == "$3" ]] || die "$1/$2: SHA-256 is ${found%% *}, expected $3; stage the artifact set again"
}

# manifest <python> <subscript>: a value of manifest.json.
manifest() {
  "$1" -I -c "import json, sys; print(json.load(open(sys.argv[1]))$2)" "$work/manifest.json" 2>/dev/null ||
    die "manifest.json: has no $2; build the artifact set again"
}

is_complete() {
  [[ -f $1/.verger-wheelhouse && $(<"$1/.verger-wheelhouse") == "$2" ]] && "$1/bin/python" -I -c pass 2>/dev/null
}

# install <home> <python> <tar>: in place, since the scripts of a virtual environment carry its path.
install() {
  local home=$1 python=$2 wheels=$work/wheels pip
  mkdir "$wheels"
  tar -xf "$work/$3" -C "$wheels"
  pip=$(find "$wheels" -name 'pip-*.whl')
  [[ -f $pip ]] || die "$3: holds no wheel of pip; build the artifact set again"
  rm -rf "$home"
  "$python" -I -m venv --without-pip "$home" || die "$python: cannot make a virtual environment in $home"
  log "installing $(find "$wheels" -name '*.whl' | wc -l) wheels into $home"
  # The lock file was resolved without regard to upper bounds on Python's version, and is complete: no resolving here.
  PIP_CONFIG_FILE=/dev/null "$home/bin/python" "$pip/pip" --isolated --disable-pip-version-check --quiet \
    install --no-index --find-links "$wheels" --require-hashes --no-deps --ignore-requires-python \
    --no-compile --no-cache-dir --no-warn-script-location --root-user-action ignore --requirement "$wheels/node.txt" ||
    die "$3: pip could not install it (see above); build the artifact set again"
  # All cores at once, which pip does not; the users that run the steps could not write byte code themselves.
  "$home/bin/python" -I -m compileall -qq -j 0 -x '/tests/' "$home/lib" || log "some modules stay without byte code"
  "$home/bin/python" -I -c "import $MODULES" || die "$home: a module cannot be imported (see above) on this node"
}

# link <env dir> <home>: in one step, so that <env dir> is never absent.
link() {
  if [[ -d $1 && ! -L $1 ]]; then
    rmdir "$1" 2>/dev/null || die "$1: a folder that this script did not make; remove it or name another environment"
  fi
  ln -sfn "$(basename "$2")" "$1.new.$$"
  mv -T "$1.new.$$" "$1"
}

main "$@"

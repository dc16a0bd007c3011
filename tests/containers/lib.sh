# shellcheck shell=bash
# Sourced by the tests beside it, which with_mount runs: SEGFS, DIR, POINT and DAEMON
# are its. All that is started ends with the test's pid namespace.
set -uo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin # what is bound into containers is run outside, too

# shellcheck disable=SC2034  # for the tests
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
ns=$DIR/ns # namespaces are mounted here
status=0
declare -A daemons=()
mkdir -p "$ns"

say()
{
	printf '%s\n' "$*"
}

# The whole test.
skip()
{
	say "skipped: $*"
	exit 77
}

need()
{
	local program

	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# One part of it, which shows in the output.
skipped=
skip_part()
{
	say "skipped: $*"
	skipped=yes
}

# ok SENTENCE COMMAND...: one check. What it says is shown if it fails.
ok()
{
	local sentence=$1
	shift

	# in this shell, which is the one that can wait for its children
	if "$@" >"$DIR/said" 2>&1 </dev/null; then
		say "ok      $sentence"
	else
		say "FAILED  $sentence: $*: $(cat "$DIR/said")"
		status=1
	fi
}

# fails_with TEXT COMMAND...: that it fails, and says so.
fails_with()
{
	local text=$1 said
	shift

	if said=$("$@" 2>&1); then
		say "no failure: $said"
		return 1
	fi
	[[ $said == *"$text"* ]] || {
		say "$said"
		return 1
	}
}

is()
{
	[ "$1" = "$2" ] || {
		say "'$1' instead of '$2'"
		return 1
	}
}

# start_ns NAME OPTIONS: a private namespace at $ns/NAME.
start_ns()
{
	local name=$1 options=$2

	mkdir -p "$ns/$name"
	"$SEGFS" -f "$name" "$ns/$name" -o "$options" 2>"$DIR/$name.log" &
	daemons[$name]=$!
	until mountpoint -q "$ns/ro/$name" 2>/dev/null; do
		kill -0 "${daemons[$name]}" 2>/dev/null || {
			say "segfs does not start: $(cat "$DIR/$name.log")"
			exit 1
		}
	done
}

# It has to end with status 0 and without a word.
end_ns()
{
	local name=$1 pid=${daemons[$1]}

	kill "$pid"
	wait "$pid" || {
		say "the daemon of $name ended with status $?"
		return 1
	}
	is "$(cat "$DIR/$name.log")" "${2-}"
	unset "daemons[$name]"
}

worker_of()
{
	local pid=${daemons[$1]}

	tr -d ' ' <"/proc/$pid/task/$pid/children"
}

# kill_worker NAME: with SIGKILL, and waits for the next one.
kill_worker()
{
	local old new

	old=$(worker_of "$1")
	kill -9 "$old"
	until new=$(worker_of "$1") && [ -n "$new" ] && [ "$new" != "$old" ] &&
		stat -t "$ns/$1" "$ns/ro/$1" >/dev/null 2>&1 &&
		mountpoint -q "$ns/ro/$1"; do
		kill -0 "${daemons[$1]}" || return 1
	done
}

# -- cgroups: what makes some of its own is to make them below the test's ----------------------

# TARGET TYPE OPTIONS of each hierarchy; the options are those that mount it once more.
list_hierarchies()
{
	local target type options

	findmnt -rn -t cgroup,cgroup2 -o TARGET,FSTYPE,FS-OPTIONS |
		while read -r target type options; do
			options=$(tr , '\n' <<<"$options" | grep -vxE 'rw|ro|xattr|nsdelegate|memory_.*' |
				paste -sd ,)
			case $options in
			name=*) options=none,$options ;;
			esac
			printf '%s %s %s\n' "$target" "$type" "${options:-rw}"
		done
}

# own_cgroup_of TYPE OPTIONS: where this process is.
own_cgroup_of()
{
	local controllers=${2#none,}

	[ "$1" = cgroup ] || controllers=
	sed -n "s/^[0-9]*:$controllers://p" /proc/self/cgroup
}

cgroups=()
make_cgroups()
{
	local target type options parent dir file

	while read -r target type options; do
		parent=$target$(own_cgroup_of "$type" "$options")
		dir=${parent%/}/segfs-test-${DIR##*-}
		mkdir "$dir" || return 1
		cgroups+=("$dir")
		[ "$type" = cgroup ] || continue
		for file in cpuset.cpus cpuset.mems; do # empty, they let nobody in
			[ ! -e "$dir/$file" ] || cat "$parent/$file" >"$dir/$file"
		done
	done < <(list_hierarchies)
	[ ${#cgroups[@]} -gt 0 ]
}

# What was in them may not have ended quite yet.
remove_cgroups()
{
	local tries

	for tries in {1..200}; do
		! find "${cgroups[@]}" -depth -type d -exec rmdir {} + || return 0
		sleep 0.05
	done
	say "cgroups are left: ${cgroups[*]}"
	return 1
}

mount_cgroups()
{
	local hierarchies target type options

	hierarchies=$(list_hierarchies)
	umount -R /sys/fs/cgroup || return 1
	[[ $hierarchies == "/sys/fs/cgroup "* ]] || mount -t tmpfs tmpfs /sys/fs/cgroup || return 1
	while read -r target type options; do
		mkdir -p "$target"
		mount -t "$type" -o "$options" cgroup "$target" || return 1
	done <<<"$hierarchies"
}

# Runs the whole test again, in cgroups that are the roots of all that it sees of them.
in_own_cgroups()
{
	if [ -n "${IN_OWN_CGROUPS-}" ]; then
		mount_cgroups || exit 1
		return
	fi
	make_cgroups 2>"$DIR/said" || {
		remove_cgroups
		skip "no cgroups can be made: $(cat "$DIR/said")"
	}
	(
		for dir in "${cgroups[@]}"; do
			echo "$BASHPID" >"$dir/cgroup.procs" || exit 1
		done
		IN_OWN_CGROUPS=yes exec unshare --mount --cgroup "$0"
	)
	status=$?
	remove_cgroups || status=1
	exit "$status"
}

# device:inode
id_of()
{
	stat -c %d:%i "$1"
}

on_exit()
{
	local pid

	! declare -F cleanup >/dev/null || cleanup
	for pid in "${daemons[@]}"; do
		kill "$pid" && wait "$pid"
	done
} 2>/dev/null
trap on_exit EXIT

# The result; skipped where nothing failed and a part could not be run.
finish()
{
	[ "$status" -eq 0 ] || exit "$status"
	[ -z "$skipped" ] || exit 77
	exit 0
}

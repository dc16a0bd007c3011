# shellcheck shell=bash
# Sourced by the tests that are scripts; with_mount runs them. A test is a function
# whose name is a sentence; `run_tests NAME...` runs each in a subshell, where the
# first command that fails ends it.
# shellcheck disable=SC2034  # much of this is for those who source it
set -u

P=$POINT/posix
S=$POINT/sysv
tests=0

# Names that nothing has yet, in $name and $key, for each test.
next_names()
{
	tests=$((tests + 1))
	name=segfs-test-$$-$tests
	key=$(printf '0x%08x' $((0x40000000 | ($$ & 0x3fffff) << 8 | tests)))
}

fail()
{
	printf '  %s\n' "$*" >&2
	exit 1
}

skip()
{
	printf '  skipped: %s\n' "$*"
	exit 77
}

# equal ACTUAL EXPECTED
equal()
{
	[ "$1" = "$2" ] || fail "'$1' is not '$2'"
}

# says TEXT COMMAND...: fails, and with this text in what it says.
says()
{
	local text=$1 said
	shift

	if said=$("$@" 2>&1); then
		fail "succeeds: $*"
	fi
	case $said in
	*"$text"*) ;;
	*) fail "$* says '$said' and not '$text'" ;;
	esac
}

# Runs a command as a user that owns nothing.
as()
{
	local uid=$1
	shift

	setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all -- "$@"
}

# A process that is no child of ours has ended when it is gone, or a zombie without
# another thread: what is left of its threads may still hold its files.
wait_for_end_of()
{
	while :; do
		case $(awk '/^(State|Threads):/ { printf "%s", $2 }' "/proc/$1/status" 2>/dev/null) in
		'' | [ZX][01]) return 0 ;;
		esac
	done
}

# The daemon of a mount point, by its command line.
pid_of()
{
	pgrep -f "^$SEGFS( -o [^ ]*)? host $1\$" || true
}

# Unmounts what a daemon in the background mounted, and waits until that is gone.
end()
{
	local pid

	pid=$(pid_of "$1")
	umount "$1"
	[ -z "$pid" ] || wait_for_end_of "$pid"
}

SOMEBODY=54321
OTHER=54322

run_tests()
{
	local test passed=0 skipped=0 failed=() status

	for test; do
		next_names
		printf '[ RUN      ] %s\n' "$test"
		(
			set -e
			cd "$DIR"
			"$test"
		)
		status=$?
		case $status in
		0) printf '[       OK ] %s\n' "$test" && passed=$((passed + 1)) ;;
		77) printf '[  SKIPPED ] %s\n' "$test" && skipped=$((skipped + 1)) ;;
		*) printf '[  FAILED  ] %s\n' "$test" && failed+=("$test") ;;
		esac
	done
	printf '[  PASSED  ] %d test(s).\n' "$passed"
	[ "$skipped" -eq 0 ] || printf '[  SKIPPED ] %d test(s)\n' "$skipped"
	[ ${#failed[@]} -eq 0 ] || printf '[  FAILED  ] %d test(s)\n' "${#failed[@]}"
	[ ${#failed[@]} -eq 0 ] || exit 1
	[ "$passed" -gt 0 ] || exit 77
}

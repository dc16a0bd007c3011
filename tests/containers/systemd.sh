#!/bin/bash
# segfs@.service under a real systemd, which is the first process of a pid namespace of
# its own and knows nothing but the units here. This script is also what it runs.
. "$(dirname "$0")/lib.sh"
units=$DIR/units
results=$DIR/results
needed=$DIR/etc # what it finds in /etc/segfs

# -- within: a service beside segfs@.service ----------------------------------------------

mounted()
{
	mountpoint -q "/run/segfs/$1"
}

running()
{
	systemctl is-active --quiet "segfs@$1"
}

main_pid()
{
	systemctl show --value -p MainPID "segfs@$1"
}

as_user()
{
	setpriv --reuid 54321 --regid 54321 --groups "$1" "${@:2}"
}

map()
{
	python3 -c '
import mmap, os, sys
with mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 0) as memory:
    memory[0:2] = b"ok"
' "$1"
}

# wait_until COMMAND...: what systemd does takes its time.
wait_until()
{
	local tries

	for tries in {1..100}; do
		! "$@" || return 0
		sleep 0.1
	done
	say "not after $tries tries: $*"
	return 1
}

is_another()
{
	local pid

	pid=$(main_pid "$1")
	running "$1" && [ "$pid" != "$2" ] && mounted "$1"
}

# shellcheck disable=SC2317  # these are called by ok
check_team()
{
	local team=/run/segfs/teamA pid

	ok 'the unit starts' systemctl start segfs@teamA
	ok 'and is ready when the mount is there' mounted teamA
	pid=$(main_pid teamA)
	ok 'its user is segfs' is "$(stat -c %U "/proc/$pid")" segfs
	ok 'the size is that of its file' is "$(df --output=size -B1M "$team" | tail -n 1 | tr -d ' ')" 1024
	ok 'root makes a segment' sh -c "echo hello >$team/root && chmod 0660 $team/root"
	ok 'a user of the group makes one' as_user 2000 sh -c "umask 077; echo hi >$team/user"
	ok 'each is its maker'"'"'s' is "$(stat -c %u "$team/root" "$team/user" | tr '\n' ' ')" '0 54321 '
	ok 'others stay outside' fails_with 'Permission denied' as_user 54321 ls "$team"
	ok 'it is mapped' map "$team/root"
	ok 'and has been written' is "$(head -c 2 "$team/root")" ok
	ok 'the read-only view is there' fails_with 'Read-only' touch /run/segfs/ro/teamA/x

	ok 'the worker is killed' pkill -KILL -P "$pid"
	ok 'and another one has its segments' wait_until test -s "$team/user"
	ok 'for the unit goes on' is "$(main_pid teamA)" "$pid"
	ok 'all of it is killed' systemctl kill -s KILL --kill-who=all segfs@teamA
	ok 'and comes back' wait_until is_another teamA "$pid"
	ok 'the unit ends' systemctl stop segfs@teamA
	ok 'and its mounts' fails_with '' mounted teamA
	ok 'the read-only one too' fails_with 'No such file' ls /run/segfs/ro/teamA
}

# shellcheck disable=SC2317
check_host()
{
	local host=/run/segfs/host

	ok 'the host is a unit as well' systemctl start segfs@host
	ok 'a user makes a POSIX segment' as_user 54321 sh -c "echo hi >$host/posix/x"
	ok 'which is in /dev/shm' is "$(stat -c %u /dev/shm/x)" 54321
	ok 'a user makes a System V segment' as_user 54321 truncate -s 64K "$host/sysv/0x00005e62"
	ok 'which is its own' is "$(stat -c '%u %s' "$host/sysv/0x00005e62")" '54321 65536'
	ok 'and is mapped' map "$host/sysv/0x00005e62"
	ok 'root removes both' rm "$host/posix/x" "$host/sysv/0x00005e62"
	ok 'the unit ends, too' systemctl stop segfs@host
}

if [ "${1-}" = within ]; then
	trap - EXIT
	: >"$results"
	{
		check_team
		check_host
		say "status $status"
	} >>"$results"
	touch "$DIR/done"
	exit
fi

# -- outside ---------------------------------------------------------------------------------

need systemctl systemd-sysusers setpriv python3
systemd=/lib/systemd/systemd
[ -x "$systemd" ] || skip "there is no $systemd"
in_own_cgroups

mkdir "$units" "$units/segfs@.service.d" "$needed" "$DIR/root" "$DIR/root/etc"
for target in sysinit basic shutdown; do
	printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"$units/$target.target"
done
sed "s#^ExecStart=[^ ]*#ExecStart=$SEGFS#; s#/etc/segfs/#$needed/#" \
	"$CONTRIB_BUILD/systemd/segfs@.service" >"$units/segfs@.service"
cp "$CONTRIB/systemd/teamA.conf.example" "$needed/teamA.conf"
printf '[Service]\nStandardError=append:%s\n' "$DIR/said-by-segfs" \
	>"$units/segfs@.service.d/test.conf"
cat >"$units/check.service" <<end
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
PassEnvironment=DIR SEGFS CONTRIB CONTRIB_BUILD
ExecStartPre=/bin/touch $DIR/up
ExecStart=/bin/bash $here/systemd.sh within
StandardOutput=append:$DIR/said-by-check
StandardError=append:$DIR/said-by-check
end
systemd-sysusers --root="$DIR/root" "$CONTRIB/systemd/segfs.sysusers.conf" 2>/dev/null

# shellcheck disable=SC2317  # called at the end
cleanup()
{
	kill -9 "$machine"
	wait "$machine"
}

boot()
{
	export systemd container=segfs-test SYSTEMD_UNIT_PATH=$units SYSTEMD_LOG_TARGET=console
	# shellcheck disable=SC2016  # expanded by the inner shell
	exec unshare --mount --pid --fork --kill-child --mount-proc bash -ec '
		mount --make-rprivate /
		mount --bind "$DIR/root/etc/passwd" /etc/passwd
		mount --bind "$DIR/root/etc/group" /etc/group
		mount -t tmpfs -o mode=0755 tmpfs /run
		mkdir /run/segfs
		mount --make-rshared /
		exec "$systemd" --system --unit=check.service --show-status=no'
}

boot >"$DIR/said-by-systemd" 2>&1 </dev/null &
machine=$!
for _ in {1..1200}; do
	[ ! -e "$DIR/done" ] && kill -0 "$machine" 2>/dev/null || break
	sleep 0.1
done
[ -e "$DIR/up" ] || skip "systemd does not run here: $(tail -n 3 "$DIR/said-by-systemd")"
cat "$results"
ok 'all of it was run' test -e "$DIR/done"
grep -qx 'status 0' "$results" || {
	cat "$DIR/said-by-segfs" "$DIR/said-by-check" 2>/dev/null
	status=1
}
finish

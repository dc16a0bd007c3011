#!/bin/bash
# Sandboxes by bubblewrap: each with an IPC namespace and a /dev/shm of its own.
. "$(dirname "$0")/lib.sh"
need bwrap python3 setpriv

links=()
for link in /bin /lib /lib64 /sbin; do
	[ ! -L "$link" ] || links+=(--symlink "$(readlink "$link")" "$link")
done

# sandbox BWRAP-OPTION... COMMAND...
sandbox()
{
	bwrap --unshare-ipc --unshare-pid --unshare-uts --die-with-parent \
		--ro-bind /usr /usr "${links[@]}" --proc /proc --dev /dev --tmpfs /tmp \
		--ro-bind "$here" /tests --ro-bind "$SHM_PEER" /shm_peer "$@"
}

inside=(python3 -B /tests/inside.py)
bwrap --ro-bind / / true || skip 'bwrap can make no sandbox here'

# -- the host's segments ---------------------------------------------------------

truncate -s 64K "$POINT/posix/frames" "$POINT/sysv/0x00005e60"
host=(--bind "$POINT/posix" /seg/posix --bind "$POINT/sysv" /seg/sysv)
for segment in posix/frames sysv/0x00005e60; do
	ok "$segment: written in a sandbox" \
		sandbox "${host[@]}" "${inside[@]}" map-write "/seg/$segment" 'from one'
	ok "$segment: read in another" \
		sandbox "${host[@]}" "${inside[@]}" map-read "/seg/$segment" 'from one'
done
ok 'read by the host in /dev/shm' is "$(head -c 8 /dev/shm/frames)" 'from one'
ok 'read by the host with shmat' python3 -B "$here/inside.py" sysv-read 0x5e60 'from one'
ok 'a sandbox that has only the POSIX ones sees no System V' \
	sandbox --bind "$POINT/posix" /seg "${inside[@]}" cannot /seg/../sysv/0x00005e60 ENOENT

# -- a private namespace -----------------------------------------------------------

start_ns team size=4m,mode=1777
seg=(--bind "$ns/team" /seg)
shm=(--bind "$ns/team" /dev/shm)
ok 'a segment is created in a sandbox' \
	sandbox "${seg[@]}" "${inside[@]}" create /seg/frames 65536
ok 'and written in another' \
	sandbox "${seg[@]}" "${inside[@]}" map-write /seg/frames hello
ok 'and read by the host' is "$(head -c 5 "$ns/team/frames")" hello
ok 'at /dev/shm: Python creates' sandbox "${shm[@]}" "${inside[@]}" shm-create psm abc
ok 'at /dev/shm: Python in another reads' sandbox "${shm[@]}" "${inside[@]}" shm-read psm abc
ok 'at /dev/shm: locks, values and queues of multiprocessing' \
	sandbox "${shm[@]}" "${inside[@]}" locks
ok 'and all that is gone' is "$(ls "$ns/team")" frames

sandbox "${shm[@]}" /shm_peer read /c 'from C' &
reader=$!
ok 'at /dev/shm: shm_open and sem_post in C' sandbox "${shm[@]}" /shm_peer write /c 'from C'
ok 'for one that waits in another' wait "$reader"
rm "$ns/team/c" "$ns/team/sem.c-ready"

# shellcheck disable=SC2317  # called by ok
segctl()
{
	sandbox "${seg[@]}" --ro-bind "$(dirname "$SEGFS")/segctl" /segctl /segctl "$@"
}

# shellcheck disable=SC2317
told_by_segctl()
{
	local wanted=$1
	shift
	is "$(segctl "$@")" "$wanted"
}

echo hello >"$ns/team/busy"
python3 -c 'import sys, time; f = open(sys.argv[1]); print(flush=True); time.sleep(600)' \
	"$ns/team/busy" >"$DIR/holder" &
holder=$!
until [ -s "$DIR/holder" ]; do
	kill -0 "$holder" || exit 1
done
ok 'segctl creates in a sandbox' told_by_segctl /seg/idle create --mode=0600 /seg/idle 64K
ok 'lists' told_by_segctl $'/seg/busy\n/seg/idle' ls --names --sort=name '/seg/[bi]*'
ok 'tells what is in use outside' \
	sandbox "${seg[@]}" --ro-bind "$(dirname "$SEGFS")/segctl" /segctl \
	sh -c '/segctl stat --json /seg/busy | grep -q "\"in_use\": true"'
ok 'does not take it away' fails_with 'Device or resource busy' segctl rm --if-unused /seg/busy
ok 'but all else' told_by_segctl $'removed /seg/idle, 0\n1 segment, 0 freed' gc '/seg/[bi]*'
kill "$holder"
wait "$holder"
ok 'not before its user is gone' told_by_segctl '' rm --if-unused /seg/busy
ok 'then it is' fails_with 'No such file' segctl stat /seg/busy

ok 'write and fallocate meet the limit' \
	sandbox "${seg[@]}" "${inside[@]}" meets-limit /seg $((4 << 20))
ok 'a sparse mapping beyond it is SIGBUS' \
	sandbox "${seg[@]}" "${inside[@]}" sigbus /seg $((4 << 20))
start_ns solid size=4m,preallocate
ok 'with -o preallocate it is ENOSPC' \
	sandbox --bind "$ns/solid" /seg "${inside[@]}" never-sigbus /seg $((4 << 20))

# -- who may -------------------------------------------------------------------------

for case in "$ns/ro/team --bind" "$ns/ro/team --ro-bind" "$ns/team --ro-bind"; do
	read -r source how <<<"$case"
	ok "${source#"$ns/"} $how is readable" \
		sandbox "$how" "$source" /seg "${inside[@]}" map-read /seg/frames hello
	ok "${source#"$ns/"} $how changes nothing" \
		sandbox "$how" "$source" /seg "${inside[@]}" read-only /seg frames
done
touch "$DIR/secret"
ok 'nothing leads out' \
	sandbox "${seg[@]}" "${inside[@]}" escape /seg "$(id_of "$DIR/secret")"
ok 'nor at /dev/shm' \
	sandbox "${shm[@]}" "${inside[@]}" escape /dev/shm "$(id_of "$DIR/secret")"
ok 'nor with no capability' sandbox "${seg[@]}" --cap-drop ALL "${inside[@]}" \
	escape /seg "$(id_of "$DIR/secret")"

chmod 600 "$ns/team/frames"
as_user=(setpriv --reuid 54321 --regid 54321 --clear-groups)
ok "another user reads nobody else's 0600 segment" \
	sandbox "${seg[@]}" "${as_user[@]}" "${inside[@]}" cannot /seg/frames EACCES
ok 'and removes none' fails_with 'not permitted' \
	sandbox "${seg[@]}" "${as_user[@]}" rm -f /seg/frames
ok 'but has segments of its own' \
	sandbox "${seg[@]}" "${as_user[@]}" "${inside[@]}" create /seg/theirs 4096
ok 'which are its own' is "$(stat -c %u:%g "$ns/team/theirs")" 54321:54321

if sandbox --unshare-user --uid 54321 --gid 54321 true 2>/dev/null; then
	user=(--unshare-user --uid 54322 --gid 54322)
	chmod 644 "$ns/team/frames"
	ok 'in a user namespace: mode bits decide: reading' \
		sandbox "${user[@]}" "${seg[@]}" "${inside[@]}" map-read /seg/frames hello
	ok 'in a user namespace: root of the host maps to the user, who may write' \
		sandbox "${user[@]}" "${seg[@]}" "${inside[@]}" map-write /seg/frames hallo
	ok 'in a user namespace: nothing leads out' sandbox "${user[@]}" "${seg[@]}" \
		"${inside[@]}" escape /seg "$(id_of "$DIR/secret")"
else
	skip_part 'no user namespaces for bwrap'
fi

# -- the worker dies under a running sandbox -------------------------------------------

# The parent is bound with its mounts as slaves: what is mounted on the host comes in.
mkfifo "$DIR/go" "$DIR/done"
sandbox --bind "$ns" /ns --bind "$DIR" /ctl python3 -B - <<'PY' &
import mmap
fd = open('/ns/team/frames', 'r+b')
m = mmap.mmap(fd.fileno(), 0)
open('/ctl/done', 'w').write('mapped')
open('/ctl/go').read()
m[0:5] = b'after'
open('/ctl/done', 'w').write('written')
PY
holder=$!
read -r <"$DIR/done"
ok 'the worker is replaced' kill_worker team
echo go >"$DIR/go"
read -r <"$DIR/done"
ok 'a mapping of before goes on' wait "$holder"
ok 'and is the segment' is "$(head -c 5 "$ns/team/frames")" after
ok 'a new sandbox finds it' sandbox "${seg[@]}" "${inside[@]}" map-read /seg/frames after

ok 'the end of it' end_ns solid
kill "${daemons[team]}"
wait "${daemons[team]}"
ok 'also after a restart' is "$?" 0
unset 'daemons[team]'
ok 'leaves no mount' fails_with '' findmnt -rn -t fuse.segfs -S team
finish

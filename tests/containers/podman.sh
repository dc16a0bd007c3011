#!/bin/bash
# Containers of podman and runc, with IPC namespaces of their own, from a root file
# system of busybox; python3 and libc are the host's, bound in.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/podman-lib.sh"

# -- two containers ------------------------------------------------------------------

start_ns team size=4m
truncate -s 64K "$POINT/posix/frames" "$POINT/sysv/0x00005e61"
for name in one two; do
	up "$name" -v "$POINT/posix:/seg/posix" -v "$POINT/sysv:/seg/sysv" \
		-v "$ns/team:/dev/shm" -v "$ns:/ns:rslave" -v "$ns/ro/team:/view:ro"
done
ok 'their IPC namespaces are their own' fails_with '' \
	is "$(within one readlink /proc/self/ns/ipc)" "$(within two readlink /proc/self/ns/ipc)"

for segment in posix/frames sysv/0x00005e61; do
	ok "$segment: written in one" \
		within one "${inside[@]}" map-write "/seg/$segment" 'from one'
	ok "$segment: read in the other" \
		within two "${inside[@]}" map-read "/seg/$segment" 'from one'
done
ok 'read by the host in /dev/shm' is "$(head -c 8 /dev/shm/frames)" 'from one'
ok 'read by the host with shmat' python3 -B "$here/inside.py" sysv-read 0x5e61 'from one'
ok 'the shell will do' within two sh -c 'echo hi >/dev/shm/greeting'
ok 'for the other, too' is "$(within one cat /dev/shm/greeting)" hi

ok 'at /dev/shm: Python creates' within one "${inside[@]}" shm-create psm abc
ok 'at /dev/shm: Python in the other reads' within two "${inside[@]}" shm-read psm abc
ok 'at /dev/shm: locks, values and queues of multiprocessing' within one "${inside[@]}" locks
within two /shm_peer read /c 'from C' &
reader=$!
ok 'at /dev/shm: shm_open and sem_post in C' within one /shm_peer write /c 'from C'
ok 'for one that waits in the other' wait "$reader"

rm -f "$ns"/team/{c,sem.c-ready}
used=$(stat -f -c '%b-%f' "$ns/team")
ok 'write and fallocate meet the limit' \
	within one "${inside[@]}" meets-limit /ns/team $((4 << 20))
ok 'and nothing is left of that' is "$(stat -f -c '%b-%f' "$ns/team")" "$used"
ok 'a sparse mapping beyond it is SIGBUS' \
	within one "${inside[@]}" sigbus /dev/shm $((4 << 20))
start_ns solid size=4m,preallocate
ok 'a namespace that begins later is seen below an rslave parent' \
	within one "${inside[@]}" never-sigbus /ns/solid $((4 << 20))

# -- what must not be --------------------------------------------------------------

touch "$DIR/secret"
ok 'the view is read-only' within one "${inside[@]}" read-only /view greeting
ok 'the view below the parent, too' within one "${inside[@]}" read-only /ns/ro/team greeting
ok 'nothing leads out' within one "${inside[@]}" escape /dev/shm "$(id_of "$DIR/secret")"
ok 'a mount bound :ro is read-only' run -v "$ns/team:/seg:ro" -- \
	"${inside[@]}" read-only /seg greeting
ok 'nothing leads out without a capability' run --cap-drop=all -v "$ns/team:/seg" -- \
	"${inside[@]}" escape /seg "$(id_of "$DIR/secret")"
ok 'nor with all of them' run --cap-add=all -v "$ns/team:/seg" -- \
	"${inside[@]}" escape /seg "$(id_of "$DIR/secret")"

# -- who may ------------------------------------------------------------------------

ok '--user: has segments of its own' run --user 54321:54321 -v "$ns/team:/seg" -- \
	"${inside[@]}" create /seg/theirs 4096
ok 'which are its own' is "$(stat -c %u:%g "$ns/team/theirs")" 54321:54321
chmod 600 "$ns/team/greeting"
ok "--user: and nobody else's" run --user 54321:54321 -v "$ns/team:/seg" -- \
	"${inside[@]}" cannot /seg/greeting EACCES
ok '--user: nor removes any' fails_with 'not permitted' \
	run --user 54321:54321 -v "$ns/team:/seg" -- rm /seg/greeting

mapped=(--uidmap 0:200000:65536 --gidmap 0:200000:65536)
if run "${mapped[@]}" -- true >"$DIR/said" 2>&1 </dev/null; then
	ok '--uidmap: root in it has segments of its own' \
		run "${mapped[@]}" -v "$ns/team:/seg" -- "${inside[@]}" create /seg/mapped 4096
	ok 'which are of the mapped user' is "$(stat -c %u "$ns/team/mapped")" 200000
	ok "--uidmap: and nobody else's" run "${mapped[@]}" -v "$ns/team:/seg" -- \
		"${inside[@]}" cannot /seg/greeting EACCES
	ok '--uidmap: nothing leads out' run "${mapped[@]}" -v "$ns/team:/seg" -- \
		"${inside[@]}" escape /seg "$(id_of "$DIR/secret")"
else
	skip_part "no container with --uidmap: $(head -n 1 "$DIR/said")"
fi

# -- the worker dies under them ------------------------------------------------------

ok 'the worker is replaced' kill_worker team
ok 'the parent bound rslave has the new mount' is "$(within one cat /ns/team/greeting)" hi
ok 'and its read-only view' is "$(within two cat /ns/ro/team/greeting)" hi
ok 'a mount point that was bound itself has not' fails_with '' \
	within one cat /dev/shm/greeting
ok 'write in one' within one sh -c 'echo again >/ns/team/greeting'
ok 'read in the other' is "$(within two cat /ns/team/greeting)" again

ok 'the end of it' end_ns solid
finish

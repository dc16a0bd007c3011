#!/bin/bash
# Separate programs that share nothing but a name: Python with mmap on the mounted file,
# C with shm_open or shmget, C on the mounted file, a Node.js parent and its child. Each
# sees at once what every other one wrote; see party.h. PARTY and ADDON come from CMake.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

ROUNDS=40

# meet COMMAND...: each a program and its first arguments, in one string. What follows
# is the party's index, their count and the rounds.
meet()
{
	local command index=0 parties=$# pids=() pid

	case $* in *party.js*) parties=$((parties + 1)) ;; esac
	for command; do
		# shellcheck disable=SC2086  # split into the program and its arguments
		$command $index "$parties" $ROUNDS &
		pids+=($!)
		index=$((index + 1))
		case $command in *party.js*) index=$((index + 1)) ;; esac
	done
	while [ ${#pids[@]} -gt 0 ]; do
		if ! wait -n -p pid "${pids[@]}"; then # the others would wait for it
			kill "${pids[@]}" 2>/dev/null || true
			return 1
		fi
		mapfile -t pids < <(printf '%s\n' "${pids[@]}" | grep -vx "$pid")
	done
}

need_node()
{
	command -v node >/dev/null || skip 'no node'
}

python_and_c_meet_in_a_posix_segment()
{
	truncate -s 64K "/dev/shm/$name"
	meet "python3 $here/party.py $P/$name" "$PARTY shm_open /$name" \
		"$PARTY mmap $P/$name" "$PARTY pread $P/$name"
}

python_and_c_meet_in_a_segment_made_on_the_mount()
{
	truncate -s 64K "$P/$name"
	meet "$PARTY shm_open /$name" "python3 $here/party.py $P/$name" \
		"python3 $here/party.py /dev/shm/$name"
}

python_and_c_meet_in_a_sysv_segment()
{
	truncate -s 64K "$S/$key"
	meet "python3 $here/party.py $S/$key" "$PARTY shmget $key" "$PARTY mmap $S/$key" \
		"$PARTY pread $S/$key"
}

node_reads_and_writes_files_of_the_mount()
{
	need_node
	truncate -s 64K "$P/$name"
	truncate -s 64K "$S/$key"
	meet "node $here/party.js - $P/$name" "$PARTY shm_open /$name" \
		"python3 $here/party.py $P/$name"
	meet "node $here/party.js - $S/$key" "$PARTY shmget $key" "python3 $here/party.py $S/$key"
}

node_maps_files_of_the_mount_with_the_addon()
{
	need_node
	node -e 'require(process.argv[1])' "$ADDON" 2>/dev/null || skip 'the addon is not built'
	truncate -s 64K "$P/$name"
	truncate -s 64K "$S/$key"
	meet "node $here/party.js $ADDON $P/$name" "$PARTY shm_open /$name" \
		"python3 $here/party.py $P/$name"
	meet "node $here/party.js $ADDON $S/$key" "$PARTY shmget $key" \
		"python3 $here/party.py $S/$key"
	meet "node $here/party.js $ADDON /$name" "python3 $here/party.py $P/$name"
}

they_meet_although_the_daemon_is_stopped()
{
	local pid

	truncate -s 64K "$P/$name"
	"$PARTY" mmap "$P/$name" 0 2 $ROUNDS &
	pid=$!
	# it has the segment open when it has written its first word
	until [ "$(od -An -tu4 -N4 "/dev/shm/$name" | tr -d ' ')" = 1 ]; do
		:
	done
	kill -STOP "$DAEMON"
	"$PARTY" shm_open "/$name" 1 2 $ROUNDS
	wait "$pid"
	kill -CONT "$DAEMON"
}

run_tests python_and_c_meet_in_a_posix_segment python_and_c_meet_in_a_segment_made_on_the_mount \
	python_and_c_meet_in_a_sysv_segment node_reads_and_writes_files_of_the_mount \
	node_maps_files_of_the_mount_with_the_addon they_meet_although_the_daemon_is_stopped

#!/bin/bash
# A daemon that is not root's, with CAP_SYS_ADMIN and nothing else: what works, and what
# only works for segments that are the daemon's own.
. "$(dirname "$0")/lib.sh"

DAEMON_USER=$SOMEBODY
with_cap=(setpriv --reuid "$DAEMON_USER" --regid "$DAEMON_USER" --clear-groups
	--inh-caps +sys_admin --ambient-caps +sys_admin)

setpriv --inh-caps +sys_admin --ambient-caps +sys_admin true 2>/dev/null || {
	echo 'skipped: no ambient capabilities can be had'
	exit 77
}

# /dev/fuse is closed to users on some machines.
mknod -m 0666 "$DIR/fuse" c 10 229
mount --bind "$DIR/fuse" /dev/fuse

setup()
{
	mkdir -p "$POINT"
	chown "$DAEMON_USER" "$POINT"
	"${with_cap[@]}" "$SEGFS" host "$POINT"
	trap 'end "$POINT"' EXIT
	echo roots >"/dev/shm/$name-root"
	chmod 0600 "/dev/shm/$name-root"
	as "$DAEMON_USER" sh -c "umask 022; echo own >'/dev/shm/$name-own'"
	as "$OTHER" sh -c "umask 022; echo others >'/dev/shm/$name-other'"
}

# map FILE: maps it for reading and writing, and says its first bytes.
map()
{
	python3 -c '
import mmap, os, sys
with mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 0) as memory:
    memory[0:1] = memory[0:1].upper()
    print(memory.readline().decode().strip())
' "$1"
}

# sysv_of_root KEY MODE: made beside the mount.
sysv_of_root()
{
	python3 -c '
import ctypes, sys
sys.exit(ctypes.CDLL(None).shmget(int(sys.argv[1], 16), 4096, 0o1000 | int(sys.argv[2], 8)) < 0)
' "$1" "$2"
}

every_segment_is_shown_as_it_is()
{
	setup
	sysv_of_root "$key" 600
	equal "$(stat -c '%u %a' "$P/$name-root" "$P/$name-own" "$P/$name-other" | tr '\n' ' ')" \
		"0 600 $DAEMON_USER 644 $OTHER 644 "
	equal "$(find "$P" -name "$name-*" | wc -l)" 3
	equal "$(stat -c '%u %a %s' "$S/$key")" '0 600 4096'
	case ,$(findmnt -n -o OPTIONS --mountpoint "$POINT"), in
	*,nosuid,*nodev,*default_permissions,*allow_other,*) ;;
	*) fail "mounted with $(findmnt -n -o OPTIONS --mountpoint "$POINT")" ;;
	esac
}

reading_writing_and_mapping_work_for_whoever_may()
{
	setup
	equal "$(cat "$P/$name-root")" roots
	equal "$(map "$P/$name-root")" Roots
	equal "$(cat "/dev/shm/$name-root")" Roots
	printf x | dd of="$P/$name-root" bs=1 conv=notrunc status=none
	equal "$(cat "/dev/shm/$name-root")" xoots
	equal "$(map "$P/$name-other")" Others
	equal "$(as "$OTHER" cat "$P/$name-own")" own
	says 'Permission denied' as "$DAEMON_USER" cat "$P/$name-root"
	says 'Permission denied' as "$OTHER" cat "$P/$name-root"
	says 'Permission denied' as "$DAEMON_USER" dd if=/dev/zero of="$P/$name-other" count=1
}

the_daemons_own_user_creates_resizes_and_removes()
{
	setup
	as "$DAEMON_USER" sh -ec "
		cd '$P'
		umask 027
		echo hello >'$name'
		truncate -s 100K '$name'
		fallocate -l 200K '$name'
		ln '$name' '$name-two'
		mv '$name-two' '$name-three'
		chmod 0600 '$name'
		touch '$name'"
	equal "$(stat -c '%u %a %s %h' "/dev/shm/$name")" "$DAEMON_USER 600 204800 2"
	as "$DAEMON_USER" rm "$P/$name" "$P/$name-three" "$P/$name-own"
	as "$DAEMON_USER" truncate -s 4K "$S/$key"
	equal "$(stat -c '%u %s' "$S/$key")" "$DAEMON_USER 4096"
	as "$DAEMON_USER" rm "$S/$key"
}

nobody_else_creates_or_renames_or_removes_posix_segments()
{
	setup
	says 'Operation not permitted' touch "$P/$name"
	says 'Operation not permitted' as "$OTHER" touch "$P/$name"
	says 'Operation not permitted' rm "$P/$name-root"
	says 'Operation not permitted' rm "$P/$name-own"
	says 'Operation not permitted' as "$OTHER" rm "$P/$name-other"
	says 'Operation not permitted' mv "$P/$name-root" "$P/$name"
	says 'Operation not permitted' ln "$P/$name-root" "$P/$name"
	[ -e "/dev/shm/$name-root" ]
}

the_segments_of_others_keep_their_size_mode_and_owner()
{
	setup
	says 'Permission denied' truncate -s 5 "$P/$name-root"
	says 'Permission denied' as "$OTHER" truncate -s 5 "$P/$name-other"
	says 'Operation not permitted' chmod 0666 "$P/$name-root"
	says 'Operation not permitted' as "$OTHER" chmod 0666 "$P/$name-other"
	says 'Operation not permitted' chown 17 "$P/$name-own"
	equal "$(stat -c '%u %a %s' "/dev/shm/$name-root")" '0 600 6'
}

sysv_segments_open_if_the_daemon_may_attach_them()
{
	setup
	sysv_of_root "$key" 666
	map "$S/$key" >/dev/null
	chmod 0600 "$S/$key"
	equal "$(stat -c %a "$S/$key")" 600
	says 'Permission denied' dd if="$S/$key" of=/dev/null
	says 'Permission denied' chmod 0666 "$S/$key"
	says 'Operation not permitted' as "$OTHER" rm -f "$S/$key"
	rm "$S/$key" # CAP_SYS_ADMIN is all that this takes
	[ ! -e "$S/$key" ]
	says 'Operation not permitted' truncate -s 4K "$S/$key"
}

run_tests every_segment_is_shown_as_it_is reading_writing_and_mapping_work_for_whoever_may \
	the_daemons_own_user_creates_resizes_and_removes \
	nobody_else_creates_or_renames_or_removes_posix_segments \
	the_segments_of_others_keep_their_size_mode_and_owner \
	sysv_segments_open_if_the_daemon_may_attach_them

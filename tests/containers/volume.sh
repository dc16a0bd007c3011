#!/bin/bash
# A volume of podman that is a private namespace: podman runs mount.segfs for it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/podman-lib.sh"

# mount(8) looks for helpers there, and so finds ours in this mount namespace only.
mkdir "$DIR/upper" "$DIR/work"
mount -t overlay overlay /sbin/ \
	-o "lowerdir=$(realpath /sbin),upperdir=$DIR/upper,workdir=$DIR/work" ||
	skip 'no overlay file system'
ln -sf "$SEGFS" /sbin/mount.segfs

size_seen_by()
{
	within "$1" /usr/bin/stat -f -c '%S %b' /seg
}

ok 'a volume is created' pod volume create --opt type=segfs --opt device=teamA \
	--opt o=limit=8m shared
up one -v shared:/seg
up two -v shared:/seg
ok 'it is a segfs' is "$(findmnt -n -t fuse.segfs -S teamA -o SOURCE | sort -u)" teamA
ok 'of the size asked for' is "$(size_seen_by one)" '4096 2048'
ok 'a segment is created in one' within one "${inside[@]}" create /seg/frames 65536
ok 'and written there' within one "${inside[@]}" map-write /seg/frames hello
ok 'and read in the other' within two "${inside[@]}" map-read /seg/frames hello
ok 'the limit is met' within two "${inside[@]}" meets-limit /seg $((8 << 20))
ok 'one ends' pod rm -f -t 0 one
ok 'the other has it still' within two "${inside[@]}" map-read /seg/frames hello
ok 'the other ends' pod rm -f -t 0 two
ok 'and with it the namespace' fails_with '' findmnt -n -t fuse.segfs -S teamA
up three -v shared:/seg
ok 'which begins empty' is "$(within three ls /seg)" ''
# As with any volume: its first container decides.
ok 'a volume for a user' pod volume create --opt type=segfs --opt device=teamB \
	--opt o=limit=8m users
up four --user 54321:54321 -v users:/theirs
ok 'who can create, if the image has the directory for him' \
	within four "${inside[@]}" create /theirs/frames 4096
ok 'in a directory of his own' \
	is "$(within four /usr/bin/stat -c '%u:%g %a' /theirs)" '54321:54321 700'
finish

#!/bin/bash
# The tools that one uses on files, in posix/.
. "$(dirname "$0")/lib.sh"

ls_shows_owner_mode_and_size()
{
	install -m 0640 -o 17 -g 18 /dev/null "$P/$name"
	truncate -s 12345 "$P/$name"
	# shellcheck disable=SC2012  # ls is what is tested
	equal "$(ls -ln "$P" | awk -v n="$name" '$NF == n { print $1, $3, $4, $5 }')" \
		'-rw-r----- 17 18 12345'
	equal "$(stat -c '%a %u %g %s %F' "$P/$name")" '640 17 18 12345 regular file'
	equal "$(stat -c %i "$P/$name")" "$(stat -c %i "/dev/shm/$name")"
}

cp_and_cmp_go_in_and_out()
{
	head -c 1000000 /dev/urandom >in
	cp in "$P/$name"
	cmp in "$P/$name"
	cmp in "/dev/shm/$name"
	cp "$P/$name" out
	cmp in out
	head -c 500000 /dev/urandom >in
	cp in "$P/$name"
	cmp in "/dev/shm/$name"
	cp "$P/$name" "$P/$name-copy"
	cmp in "/dev/shm/$name-copy"
}

cp_keeps_what_it_is_told_to_keep()
{
	echo hello >in
	chmod 0604 in
	chown 17:18 in
	touch -d '2001-02-03 04:05:06.789' in
	cp --preserve=all in "$P/$name"
	equal "$(stat -c '%a %u %g %y' "$P/$name")" "$(stat -c '%a %u %g %y' in)"
	cp --preserve=all "$P/$name" out
	equal "$(stat -c '%a %u %g %y' out)" "$(stat -c '%a %u %g %y' in)"
}

cp_keeps_holes()
{
	truncate -s 10M in
	printf x | dd of=in bs=1 seek=5000000 conv=notrunc status=none
	cp --sparse=always in "$P/$name"
	cmp in "$P/$name"
	[ "$(stat -c %b "$P/$name")" -le 16 ]
}

dd_writes_in_the_middle_and_at_the_end()
{
	printf 0123456789 | dd of="$P/$name" status=none
	printf ab | dd of="$P/$name" bs=1 seek=4 conv=notrunc status=none
	equal "$(cat "/dev/shm/$name")" 0123ab6789
	printf xyz | dd of="$P/$name" oflag=append conv=notrunc status=none
	equal "$(dd if="$P/$name" bs=1 skip=8 status=none)" 89xyz
	dd if=/dev/zero of="$P/$name" bs=1M count=4 oflag=direct status=none
	equal "$(stat -c %s "$P/$name")" 4194304
	dd if="$P/$name" of=out iflag=direct bs=64K status=none
	cmp "$P/$name" out
	dd if=/dev/zero of="$P/$name" bs=4K count=1 conv=fsync status=none
}

truncate_grows_and_cuts()
{
	echo hello >"$P/$name"
	truncate -s 100K "$P/$name"
	equal "$(stat -c %s "/dev/shm/$name")" 102400
	truncate -s 3 "$P/$name"
	equal "$(cat "/dev/shm/$name")" hel
	truncate -s +1K "$P/$name"
	equal "$(stat -c %s "$P/$name")" 1027
}

fallocate_allocates_and_punches()
{
	fallocate -l 64K "$P/$name"
	equal "$(stat -c '%s %b' "$P/$name")" '65536 128'
	fallocate -p -o 4096 -l 8192 "$P/$name"
	equal "$(stat -c '%s %b' "$P/$name")" '65536 112'
}

shells_append_and_truncate()
{
	echo one >"$P/$name"
	echo two >>"$P/$name"
	echo three >>"/dev/shm/$name"
	echo four >>"$P/$name"
	equal "$(tr '\n' ' ' <"$P/$name")" 'one two three four '
	: >"$P/$name"
	equal "$(stat -c %s "/dev/shm/$name")" 0
	says 'cannot overwrite' bash -o noclobber -c "echo x >'$P/$name'; exit \$?"
	echo tea | tee -a "$P/$name" >/dev/null
	equal "$(cat "/dev/shm/$name")" tea
}

mv_renames_and_replaces()
{
	echo one >"$P/$name"
	mv "$P/$name" "$P/$name-new"
	[ ! -e "/dev/shm/$name" ]
	equal "$(cat "/dev/shm/$name-new")" one
	echo two >"$P/$name"
	mv -n "$P/$name" "$P/$name-new" || true
	equal "$(cat "$P/$name-new")" one
	mv -f "$P/$name" "$P/$name-new"
	equal "$(cat "$P/$name-new")" two
	mv "$P/$name-new" moved-out
	equal "$(cat moved-out)" two
	[ ! -e "/dev/shm/$name-new" ]
	mv moved-out "$P/$name"
	equal "$(cat "/dev/shm/$name")" two
}

editors_replace_by_rename()
{
	printf 'b\na\n' >"$P/$name"
	sed -i s/a/A/ "$P/$name"
	sort -o "$P/$name" "$P/$name"
	equal "$(cat "/dev/shm/$name")" "$(printf 'A\nb')"
	equal "$(find "$P" -name 'sed*' | wc -l)" 0
}

chmod_and_chown_change_the_segment()
{
	echo hello >"$P/$name"
	chmod u=rw,go= "$P/$name"
	equal "$(stat -c %a "/dev/shm/$name")" 600
	chmod g+r "$P/$name"
	equal "$(stat -c %a "/dev/shm/$name")" 640
	chown 17:18 "$P/$name"
	equal "$(stat -c %u:%g "/dev/shm/$name")" 17:18
	chgrp 19 "$P/$name"
	equal "$(stat -c %u:%g "/dev/shm/$name")" 17:19
	says 'Operation not permitted' as $OTHER chmod 0666 "$P/$name"
	says 'Operation not permitted' as $OTHER chown $OTHER "$P/$name"
	says 'Permission denied' as $OTHER cat "$P/$name"
	says 'Operation not permitted' as $OTHER rm -f "$P/$name"
}

touch_creates_and_sets_times()
{
	touch "$P/$name"
	equal "$(stat -c %s "/dev/shm/$name")" 0
	touch -d '2001-02-03 04:05:06' "$P/$name"
	equal "$(stat -c %Y "/dev/shm/$name")" "$(date -d '2001-02-03 04:05:06' +%s)"
	touch -d @0 "$P/$name"
	equal "$(stat -c '%X %Y' "$P/$name")" '0 0'
	touch -r /etc/passwd "$P/$name"
	equal "$(stat -c %y "$P/$name")" "$(stat -c %y /etc/passwd)"
}

ln_makes_second_names_and_no_symlinks()
{
	echo hello >"$P/$name"
	ln "$P/$name" "$P/$name-two"
	equal "$(stat -c %h "$P/$name")" 2
	[ "$P/$name" -ef "$P/$name-two" ]
	echo changed >"$P/$name-two"
	equal "$(cat "/dev/shm/$name")" changed
	rm "$P/$name"
	equal "$(cat "/dev/shm/$name-two")" changed
	says 'Operation not permitted' ln -s target "$P/$name"
}

nothing_but_files_is_made()
{
	says 'Operation not permitted' mkdir "$P/$name"
	says 'Operation not permitted' mkfifo "$P/$name"
	says 'Operation not permitted' mknod "$P/$name" c 1 3
	says 'Operation not permitted' mknod "$P/$name" b 7 0
	says 'Operation not permitted' touch "$POINT/$name"
	says 'Operation not permitted' mkdir "$POINT/$name"
	says 'Operation not permitted' rmdir "$P"
	[ ! -e "/dev/shm/$name" ]
}

find_and_globs_find()
{
	truncate -s 5M "$P/$name-big"
	echo small >"$P/$name-small"
	equal "$(find "$P" -name "$name-*" -type f -size +4M -printf '%f')" "$name-big"
	equal "$(find "$POINT" -name "$name-small" -newer /etc/passwd -printf '%P')" \
		"posix/$name-small"
	equal "$(echo "$P/$name"-*)" "$P/$name-big $P/$name-small"
	find "$P" -name "$name-*" -delete
	[ ! -e "/dev/shm/$name-big" ]
}

tar_packs_and_unpacks_segments()
{
	mkdir tree
	for i in 1 2 3; do
		head -c 10000 /dev/urandom >"tree/$name-$i"
	done
	tar -C tree -c "$name-1" "$name-2" "$name-3" | tar -C "$P" -x
	for i in 1 2 3; do
		cmp "tree/$name-$i" "/dev/shm/$name-$i"
	done
	tar -C "$P" -cf packed.tar "$name-1" "$name-2"
	equal "$(tar -xOf packed.tar "$name-1" | sha256sum)" "$(sha256sum <"tree/$name-1")"
}

df_and_du_know_the_space()
{
	fallocate -l 1M "$P/$name"
	equal "$(df --output=size,itotal "$P" | tail -n 1)" \
		"$(df --output=size,itotal /dev/shm | tail -n 1)"
	equal "$(df --output=avail "$P" | tail -n 1)" "$(df --output=avail /dev/shm | tail -n 1)"
	equal "$(du -k "$P/$name" | cut -f 1)" 1024
	equal "$(du -b "$P/$name" | cut -f 1)" 1048576
}

a_program_can_be_run_from_it()
{
	cp /bin/true "$P/$name"
	"$P/$name"
	chmod a-x "$P/$name"
	says 'Permission denied' "$P/$name"
}

setuid_and_devices_mean_nothing()
{
	cp /usr/bin/id "$P/$name"
	chmod 4755 "$P/$name"
	equal "$(as $SOMEBODY "$P/$name" -u)" $SOMEBODY
	case ,$(findmnt -n -o OPTIONS --mountpoint "$POINT"), in
	*,nosuid,*nodev,*default_permissions,*allow_other,*) ;;
	*) fail "mounted with $(findmnt -n -o OPTIONS --mountpoint "$POINT")" ;;
	esac
	equal "$(findmnt -n -o SOURCE,FSTYPE --mountpoint "$POINT")" 'host   fuse.segfs'
}

rm_removes()
{
	touch "$P/$name" "$P/$name-2" "$P/$name-3"
	rm "$P/$name"
	[ ! -e "/dev/shm/$name" ]
	says 'No such file' rm "$P/$name"
	rm -rf "$P/$name"-*
	[ ! -e "/dev/shm/$name-2" ]
	[ ! -e "/dev/shm/$name-3" ]
	unlink "/dev/shm/$name-4" 2>/dev/null || touch "/dev/shm/$name-4"
	rm "$P/$name-4"
}

users_share_and_keep_apart()
{
	as $SOMEBODY sh -c "umask 027; echo mine >'$P/$name'"
	equal "$(stat -c '%u %g %a' "/dev/shm/$name")" "$SOMEBODY $SOMEBODY 640"
	says 'Permission denied' as $OTHER cat "$P/$name"
	as $SOMEBODY chmod a+r "$P/$name"
	equal "$(as $OTHER cat "$P/$name")" mine
	says 'Operation not permitted' as $OTHER mv "$P/$name" "$P/$name-stolen"
	as $SOMEBODY mv "$P/$name" "$P/$name-renamed"
	as $SOMEBODY rm "$P/$name-renamed"
}

run_tests ls_shows_owner_mode_and_size cp_and_cmp_go_in_and_out cp_keeps_what_it_is_told_to_keep \
	cp_keeps_holes dd_writes_in_the_middle_and_at_the_end truncate_grows_and_cuts \
	fallocate_allocates_and_punches shells_append_and_truncate mv_renames_and_replaces \
	editors_replace_by_rename chmod_and_chown_change_the_segment touch_creates_and_sets_times \
	ln_makes_second_names_and_no_symlinks nothing_but_files_is_made find_and_globs_find \
	tar_packs_and_unpacks_segments df_and_du_know_the_space a_program_can_be_run_from_it \
	setuid_and_devices_mean_nothing rm_removes users_share_and_keep_apart

#!/bin/bash
# The tools that one uses on files, in sysv/, where they make sense there.
. "$(dirname "$0")/lib.sh"

# The line of ipcs for a key: owner, mode, bytes.
ipcs_line()
{
	ipcs -m | awk -v k="$1" '$1 == k { print $3, $4, $5 }'
}

truncate_creates_a_segment_of_that_size()
{
	umask 027
	truncate -s 64K "$S/$key"
	equal "$(ipcs_line "$key")" 'root 640 65536'
	equal "$(stat -c '%a %s %F' "$S/$key")" '640 65536 regular file'
	# shellcheck disable=SC2010  # ls is what is tested
	equal "$(ls -l "$S" | grep -c "65536.*$key\$")" 1
	ipcrm -M "$key"
	[ ! -e "$S/$key" ]
}

another_size_is_not_supported()
{
	truncate -s 64K "$S/$key"
	truncate -s 64K "$S/$key"
	says 'Operation not supported' truncate -s 32K "$S/$key"
	says 'Operation not supported' truncate -s 0 "$S/$key"
	equal "$(stat -c %s "$S/$key")" 65536
}

what_is_no_key_is_an_invalid_argument()
{
	says 'Invalid argument' touch "$S/foo"
	says 'Invalid argument' truncate -s 4K "$S/1024"
	says 'Invalid argument' truncate -s 4K "$S/id-7"
	says 'No such file' cat "$S/foo"
}

touch_alone_makes_nothing()
{
	touch "$S/$key"
	[ ! -e "$S/$key" ]
	truncate -s 4K "$S/$key"
	touch "$S/$key"
	[ -e "$S/$key" ]
}

bytes_go_in_and_out()
{
	head -c 65536 /dev/urandom >in
	truncate -s 64K "$S/$key"
	cat in 1<>"$S/$key"
	cmp in "$S/$key"
	dd if="$S/$key" of=out bs=4K status=none
	cmp in out
	printf ab | dd of="$S/$key" bs=1 seek=1000 conv=notrunc status=none
	equal "$(dd if="$S/$key" bs=1 skip=1000 count=2 status=none)" ab
	cp "$S/$key" out
	cmp "$S/$key" out
}

cp_cannot_size_a_segment_and_says_so()
{
	echo hello >in
	says 'No space left' cp in "$S/$key"
	[ ! -e "$S/$key" ]
	truncate -s 64K "$S/$key"
	says 'Operation not supported' cp in "$S/$key"
	equal "$(stat -c %s "$S/$key")" 65536
}

names_do_not_move_and_have_no_seconds()
{
	truncate -s 4K "$S/$key"
	says 'Operation not supported' mv "$S/$key" "$S/0x7fffff01"
	says 'Operation not permitted' ln "$S/$key" "$S/0x7fffff01"
	says 'Operation not permitted' ln -s "$key" "$S/0x7fffff01"
	says 'Operation not permitted' mkdir "$S/0x7fffff01"
	says 'Operation not permitted' mkfifo "$S/0x7fffff01"
	equal "$(stat -c %s "$S/$key")" 4096
}

mode_and_owner_change()
{
	truncate -s 4K "$S/$key"
	chmod 0600 "$S/$key"
	chown 17:18 "$S/$key"
	equal "$(stat -c '%a %u %g' "$S/$key")" '600 17 18'
	equal "$(ipcs -m -i "$(stat_id "$key")" | grep -o 'uid=17.gid=18')" "$(printf 'uid=17\tgid=18')"
	says 'Permission denied' as $OTHER cat "$S/$key"
	says 'Operation not permitted' as $OTHER chmod 0666 "$S/$key"
	says 'Operation not permitted' as $OTHER chown $OTHER "$S/$key"
	says 'Operation not permitted' as $OTHER rm -f "$S/$key"
	chmod 0644 "$S/$key"
	equal "$(as $OTHER head -c 1 "$S/$key" | od -An -c | tr -d ' ')" '\0'
	says 'Permission denied' as $OTHER dd if=/dev/zero of="$S/$key" conv=notrunc count=1
}

stat_id()
{
	ipcs -m | awk -v k="$1" '$1 == k { print $2 }'
}

a_user_creates_and_removes_their_own()
{
	as $SOMEBODY sh -c "umask 077; truncate -s 4K '$S/$key'"
	equal "$(stat -c '%a %u %g' "$S/$key")" "600 $SOMEBODY $SOMEBODY"
	equal "$(ipcs -m -c | awk -v i="$(stat_id "$key")" '$1 == i { print $3, $5 }')" \
		"$SOMEBODY $SOMEBODY"
	as $SOMEBODY rm "$S/$key"
	[ ! -e "$S/$key" ]
	equal "$(ipcs_line "$key")" ''
}

rm_removes()
{
	truncate -s 4K "$S/$key"
	rm "$S/$key"
	equal "$(ipcs_line "$key")" ''
	says 'No such file' rm "$S/$key"
}

find_and_df_work()
{
	truncate -s 8M "$S/$key"
	equal "$(find "$S" -name "$key" -size +4M -printf '%f %s')" "$key 8388608"
	equal "$(df --output=itotal "$S" | tail -n 1 | tr -d ' ')" "$(cat /proc/sys/kernel/shmmni)"
	find "$S" -name "$key" -delete
	equal "$(ipcs_line "$key")" ''
}

run_tests truncate_creates_a_segment_of_that_size another_size_is_not_supported \
	what_is_no_key_is_an_invalid_argument touch_alone_makes_nothing bytes_go_in_and_out \
	cp_cannot_size_a_segment_and_says_so names_do_not_move_and_have_no_seconds \
	mode_and_owner_change a_user_creates_and_removes_their_own rm_removes find_and_df_work

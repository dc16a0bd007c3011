#!/bin/bash
# POSIX ACLs: what they deny is denied, what they grant is granted, on both sides.
. "$(dirname "$0")/lib.sh"

command -v setfacl >/dev/null || {
	echo 'skipped: needs setfacl (package acl)'
	exit 77
}

reads()
{
	as "$1" cat "$2" >/dev/null 2>&1
}

writes()
{
	as "$1" dd if=/dev/zero of="$2" bs=1 count=1 conv=notrunc status=none 2>/dev/null
}

an_acl_that_denies_denies()
{
	local where

	for where in "/dev/shm/$name" "$P/$name"; do
		echo hello >"$P/$name"
		chmod 0666 "$P/$name"
		writes $SOMEBODY "$P/$name"
		setfacl -m "u:$SOMEBODY:---" "$where"
		! reads $SOMEBODY "$P/$name" || fail "$where: reads"
		! writes $SOMEBODY "$P/$name" || fail "$where: writes"
		! reads $SOMEBODY "/dev/shm/$name" || fail "$where: reads directly"
		writes $OTHER "$P/$name"
		setfacl -m "u:$SOMEBODY:r--" "$where"
		reads $SOMEBODY "$P/$name"
		! writes $SOMEBODY "$P/$name" || fail "$where: writes"
		rm "$P/$name"
	done
}

an_acl_that_grants_grants()
{
	local where

	for where in "/dev/shm/$name" "$P/$name"; do
		echo hello >"$P/$name"
		chmod 0600 "$P/$name"
		! reads $SOMEBODY "$P/$name" || fail "$where: reads"
		setfacl -m "u:$SOMEBODY:rw-" "$where"
		writes $SOMEBODY "$P/$name"
		writes $SOMEBODY "/dev/shm/$name"
		! reads $OTHER "$P/$name" || fail "$where: the other reads"
		rm "$P/$name"
	done
}

an_acl_of_a_group_counts()
{
	echo hello >"$P/$name"
	chmod 0600 "$P/$name"
	setfacl -m g:777:r "$P/$name"
	! reads $SOMEBODY "$P/$name" || fail reads
	setpriv --reuid $SOMEBODY --regid $SOMEBODY --groups 777 --inh-caps=-all \
		cat "$P/$name" >/dev/null
}

the_mask_limits()
{
	echo hello >"$P/$name"
	setfacl -m "u:$SOMEBODY:rw-,m::r--" "$P/$name"
	reads $SOMEBODY "$P/$name"
	! writes $SOMEBODY "$P/$name" || fail writes
	chmod g+w "$P/$name" # with an ACL the group bits are the mask
	writes $SOMEBODY "$P/$name"
	chmod go= "$P/$name"
	! reads $SOMEBODY "$P/$name" || fail reads
}

both_sides_show_the_same_acl()
{
	echo hello >"$P/$name"
	setfacl -m "u:$SOMEBODY:rw-,g:777:r--" "$P/$name"
	equal "$(cd "$P" && getfacl -n "$name")" "$(cd /dev/shm && getfacl -n "$name")"
	equal "$(cd "$P" && getfacl -n "$name" | grep -c "user:$SOMEBODY:rw-")" 1
	setfacl -b "$P/$name"
	equal "$(cd /dev/shm && getfacl -n "$name")" "$(cd "$P" && getfacl -n "$name")"
	equal "$(getfacl -n "/dev/shm/$name" 2>/dev/null | grep -c "$SOMEBODY")" 0
	! reads $SOMEBODY "$P/$name-none" || fail 'reads what is not there'
}

only_the_owner_sets_an_acl()
{
	as $SOMEBODY sh -c "echo mine >'$P/$name'; chmod 0666 '$P/$name'"
	says 'Operation not permitted' as $OTHER setfacl -m "u:$OTHER:rw-" "$P/$name"
	as $SOMEBODY setfacl -m "u:$OTHER:---" "$P/$name"
	! reads $OTHER "$P/$name" || fail reads
}

the_default_acl_of_the_store_takes_the_umasks_place()
{
	setfacl -d -m "u::rw-,g::r--,o::---,u:$SOMEBODY:rw-" /dev/shm
	(umask 077 && echo hello >"$P/$name" && echo hello >"/dev/shm/$name-direct")
	equal "$(getfacl -cn "/dev/shm/$name" 2>/dev/null)" \
		"$(getfacl -cn "/dev/shm/$name-direct" 2>/dev/null)"
	writes $SOMEBODY "$P/$name"
	! reads $OTHER "$P/$name" || fail 'the other reads'
	setfacl -k /dev/shm
	(umask 077 && echo hello >"$P/$name-later")
	equal "$(stat -c %a "$P/$name-later")" 600
}

an_acl_that_closes_the_store_closes_posix()
{
	setfacl -m "u:$SOMEBODY:---" /dev/shm
	says 'Permission denied' as $SOMEBODY sh -c "echo x >'$P/$name'"
	setfacl -b /dev/shm
	as $SOMEBODY sh -c "echo x >'$P/$name'"
}

copies_keep_an_acl()
{
	echo hello >"$P/$name"
	setfacl -m "u:$SOMEBODY:rw-" "$P/$name"
	cp -p "$P/$name" "$P/$name-copy"
	writes $SOMEBODY "$P/$name-copy"
}

sysv_and_directories_have_none()
{
	truncate -s 4K "$S/$key"
	says 'Operation not supported' setfacl -m "u:$SOMEBODY:rw-" "$S/$key"
	says 'Operation not supported' setfacl -m "u:$SOMEBODY:rwx" "$P"
	getfacl -n "$S/$key" >/dev/null 2>&1
}

run_tests an_acl_that_denies_denies an_acl_that_grants_grants an_acl_of_a_group_counts \
	the_mask_limits both_sides_show_the_same_acl only_the_owner_sets_an_acl \
	the_default_acl_of_the_store_takes_the_umasks_place an_acl_that_closes_the_store_closes_posix \
	copies_keep_an_acl sysv_and_directories_have_none

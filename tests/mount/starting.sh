#!/bin/bash
# How segfs starts, and how it says why it does not. Run without a daemon of its own.
. "$(dirname "$0")/lib.sh"

# refused STATUS TEXT COMMAND...: in lines that say this, and without a mount.
refused()
{
	local status=$1 text=$2 said got=0
	shift 2

	said=$("$@" 2>&1 >/dev/null) || got=$?
	equal "$got" "$status"
	case $said in
	*"$text"*) ;;
	*) fail "says '$said' and not '$text'" ;;
	esac
	[ "$status" != 1 ] || equal "$(printf '%s\n' "$said" | wc -l)" 1
	! mountpoint -q "$POINT" || fail 'a mount is left'
}

help_and_version_are_told()
{
	"$SEGFS" --help | grep -q '^Usage: segfs'
	"$SEGFS" -h | grep -q nopassthrough
	"$SEGFS" -V | grep -q '^segfs [0-9]'
	"$SEGFS" --version | grep -q '^segfs [0-9]'
	equal "$("$SEGFS" --help 2>&1 >/dev/null)" ''
}

a_wrong_command_line_is_status_2_and_a_hint()
{
	mkdir -p "$POINT"
	refused 2 "'segfs --help'" "$SEGFS"
	refused 2 "'segfs --help'" "$SEGFS" host
	refused 2 "'segfs --help'" "$SEGFS" host "$POINT" more
	refused 2 "'segfs --help'" "$SEGFS" ../elsewhere "$POINT"
	refused 2 "'segfs --help'" "$SEGFS" ro "$POINT"
	refused 2 "'segfs --help'" "$SEGFS" --nonsense host "$POINT"
	refused 2 "'segfs --help'" "$SEGFS" -x host "$POINT"
	refused 2 "'segfs --help'" "$SEGFS" '' "$POINT"
}

a_mount_point_that_is_none_is_refused()
{
	refused 1 'No such file or directory' "$SEGFS" host "$DIR/nowhere"
	refused 1 'No such file or directory' "$SEGFS" host ''
	: >"$DIR/file"
	refused 1 'Not a directory' "$SEGFS" host "$DIR/file"
	refused 1 'Not a directory' "$SEGFS" -f host "$DIR/file"
}

what_it_needs_itself_is_not_covered()
{
	local point

	for point in / /proc /dev /proc/../proc; do
		refused 1 'is needed by segfs itself' "$SEGFS" host "$point"
		refused 1 'is needed by segfs itself' "$SEGFS" team "$point"
	done
}

options_of_fstab_are_left_out()
{
	mkdir -p "$POINT"
	"$SEGFS" -o noauto,user,nofail,_netdev,x-systemd.automount,relatime,lazytime,noexec host "$POINT"
	end "$POINT"
	refused 2 'no remount' "$SEGFS" -o remount,ro host "$POINT"
	refused 2 'max_read=4096 is not for segfs' "$SEGFS" -o max_read=4096 host "$POINT"
	refused 2 'auto_unmount is not for segfs' "$SEGFS" -o auto_unmount host "$POINT"
	refused 2 'not for' "$SEGFS" -o noro host "$POINT"
	refused 2 'takes no operand' "$SEGFS" --check host
}

an_unknown_mount_option_is_refused()
{
	mkdir -p "$POINT"
	refused 2 "unknown option(s): \`-o nonsense'" "$SEGFS" -o nonsense host "$POINT"
	refused 2 nonsense "$SEGFS" -o ro,nonsense host "$POINT"
}

what_protects_the_users_cannot_be_taken_back()
{
	mkdir -p "$POINT"
	"$SEGFS" -o suid,dev host "$POINT"
	case ,$(findmnt -n -o OPTIONS --mountpoint "$POINT"), in
	*,nosuid,*nodev,*default_permissions,*) ;;
	*) fail "mounted with $(findmnt -n -o OPTIONS --mountpoint "$POINT")" ;;
	esac
	end "$POINT"
}

it_returns_when_the_mount_is_there_and_goes_on_in_the_background()
{
	local pid

	mkdir -p "$POINT"
	"$SEGFS" host "$POINT" </dev/null
	stat "$POINT/posix" "$POINT/sysv" >/dev/null
	pid=$(pid_of "$POINT")
	equal "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
	equal "$(readlink "/proc/$pid/cwd")" /
	equal "$(readlink "/proc/$pid/fd/0" "/proc/$pid/fd/1" "/proc/$pid/fd/2" | sort -u)" /dev/null
	end "$POINT"
}

a_relative_mount_point_is_found()
{
	local pid

	mkdir -p "$POINT"
	cd "$(dirname "$POINT")"
	"$SEGFS" host "$(basename "$POINT")"
	pid=$(pid_of "$(basename "$POINT")")
	mountpoint -q "$POINT"
	umount "$POINT"
	wait_for_end_of "$pid"
}

a_failure_in_the_background_is_told_in_the_foreground()
{
	: >"$DIR/file"
	refused 1 'Not a directory' "$SEGFS" host "$DIR/file"
}

a_second_one_is_refused_while_the_first_lives()
{
	local pid got=0 said

	mkdir -p "$POINT"
	"$SEGFS" host "$POINT"
	pid=$(pid_of "$POINT")
	said=$("$SEGFS" host "$POINT" 2>&1) || got=$?
	equal "$got" 1
	equal "$said" "segfs: $POINT: a segfs is mounted there already"
	equal "$(findmnt -n -o FSTYPE --mountpoint "$POINT" | wc -l)" 1
	equal "$(pid_of "$POINT")" "$pid"
	end "$POINT"
	equal "$(pid_of "$POINT")" ''
}

a_dead_mount_is_replaced()
{
	local pid

	mkdir -p "$POINT"
	"$SEGFS" host "$POINT"
	echo hello >"$P/$name"
	pid=$(pid_of "$POINT")
	kill -9 "$pid"
	wait_for_end_of "$pid"
	says 'endpoint is not connected' ls "$POINT"
	"$SEGFS" host "$POINT"
	equal "$(cat "$P/$name")" hello
	equal "$(findmnt -n -o FSTYPE --mountpoint "$POINT" | wc -l)" 1
	end "$POINT"
}

options_of_mount_are_kept()
{
	mkdir -p "$POINT"
	cp /bin/true "/dev/shm/$name"
	"$SEGFS" -o ro,noexec host "$POINT"
	cmp "$P/$name" /bin/true
	says 'Permission denied' "$P/$name"
	says 'Read-only file system' rm -f "$P/$name"
	says 'Read-only file system' touch "$P/$name-new"
	says 'Read-only file system' dd if=/dev/zero of="$P/$name" conv=notrunc count=1
	end "$POINT"
}

without_cap_sys_admin_it_is_refused()
{
	mkdir -p "$POINT"
	refused 1 CAP_SYS_ADMIN setpriv --bounding-set -sys_admin "$SEGFS" host "$POINT"
	refused 1 'root on the host' setpriv --bounding-set -sys_admin "$SEGFS" -f host "$POINT"
}

in_a_user_namespace_it_is_refused()
{
	local within=(unshare --user --map-root-user --mount)

	mkdir -p "$POINT"
	"${within[@]}" true 2>/dev/null || skip 'no user namespace can be made'
	refused 1 CAP_SYS_ADMIN "${within[@]}" "$SEGFS" host "$POINT"
	refused 1 nopassthrough "${within[@]}" "$SEGFS" -f host "$POINT"
}

# There what needs no passthrough works all the same.
in_a_user_namespace_it_mounts_without_passthrough()
{
	local within=(unshare --user --map-root-user --mount)

	mkdir -p "$POINT"
	"${within[@]}" true 2>/dev/null || skip 'no user namespace can be made'
	echo hello >"/dev/shm/$name"
	# shellcheck disable=SC2016  # expanded by the inner shell
	"${within[@]}" sh -ec '
		"$SEGFS" -o nopassthrough host "$POINT"
		cmp "$1" "/dev/shm/$2"
		echo world >>"$1"
		umount "$POINT"
	' sh "$P/$name" "$name"
	# LeakSanitizer's look at an ending daemon is a process of the same command line.
	until [ -z "$(pid_of "$POINT")" ]; do
		:
	done
	equal "$(tr '\n' ' ' <"/dev/shm/$name")" 'hello world '
}

nothing_is_left_of_all_this()
{
	equal "$(findmnt -rn -t fuse.segfs -o TARGET | grep -c "^$DIR")" 0
	equal "$(pgrep -af "^$SEGFS .*$DIR" || true)" ''
}

run_tests help_and_version_are_told a_wrong_command_line_is_status_2_and_a_hint \
	a_mount_point_that_is_none_is_refused what_it_needs_itself_is_not_covered \
	options_of_fstab_are_left_out an_unknown_mount_option_is_refused \
	what_protects_the_users_cannot_be_taken_back \
	it_returns_when_the_mount_is_there_and_goes_on_in_the_background \
	a_relative_mount_point_is_found a_failure_in_the_background_is_told_in_the_foreground \
	a_second_one_is_refused_while_the_first_lives a_dead_mount_is_replaced \
	options_of_mount_are_kept without_cap_sys_admin_it_is_refused \
	in_a_user_namespace_it_is_refused in_a_user_namespace_it_mounts_without_passthrough \
	nothing_is_left_of_all_this

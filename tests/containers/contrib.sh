#!/bin/bash
# The files of contrib/: as far as they can be tried without the program they are for.
. "$(dirname "$0")/lib.sh"
need python3 setpriv
unit=$CONTRIB_BUILD/systemd/segfs@.service

# -- systemd ------------------------------------------------------------------------

if command -v systemd-analyze >/dev/null; then
	mkdir "$DIR/units"
	sed "s#^ExecStart=[^ ]*#ExecStart=$SEGFS#; s#^User=.*#User=daemon#" "$unit" \
		>"$DIR/units/segfs@.service"
	ok 'systemd takes the unit' is "$(systemd-analyze verify --man=no \
		"$DIR/units/segfs@.service" 2>&1)" ''
	ok 'and finds it not exposed' systemd-analyze security --offline=true --threshold=55 \
		"$DIR/units/segfs@.service"
	ok 'systemd takes the tmpfiles.d' systemd-tmpfiles --create --root="$DIR" \
		"$CONTRIB/systemd/segfs.tmpfiles.conf"
	ok 'which makes the parent' test -d "$DIR/run/segfs"
	mkdir "$DIR/etc"
	ok 'and the sysusers.d' systemd-sysusers --root="$DIR" "$CONTRIB/systemd/segfs.sysusers.conf"
	ok 'which makes the user of the unit' \
		grep -q "^$(sed -n 's/^User=//p' "$unit"):" "$DIR/etc/passwd"
else
	skip_part 'there is no systemd-analyze'
fi

# The daemon with a user of its own and the capabilities of the unit, and what others do
# on its mounts.
capabilities_of()
{
	sed -n "s/^$1=//p" "$unit" | tr '[:upper:]' '[:lower:]' | sed 's/cap_/+/g; s/ /,/g'
}
capabilities=-all,$(capabilities_of AmbientCapabilities)
ok 'the capabilities are the same twice' \
	is "$capabilities" "-all,$(capabilities_of CapabilityBoundingSet)"
bounded=$DIR/bounded
cat >"$bounded" <<end
#!/bin/sh
exec setpriv --no-new-privs --reuid 54320 --regid 54320 --clear-groups \\
	--inh-caps=$capabilities --ambient-caps=$capabilities \\
	--bounding-set=$capabilities -- "$SEGFS" "\$@"
end
chmod +x "$bounded"
SEGFS=$bounded start_ns team size=4m
mkdir "$ns/host"
"$bounded" -f host "$ns/host" 2>"$DIR/host.log" &
daemons[host]=$!
until [ -d "$ns/host/posix" ]; do
	kill -0 "${daemons[host]}" || exit 1
done

# shellcheck disable=SC2317  # called by ok
as_user()
{
	setpriv --reuid 54321 --regid 54321 --clear-groups "$@"
}

for dir in "$ns/team" "$ns/host/posix"; do
	ok 'a user makes a segment' as_user sh -c "umask 077; echo hi >$dir/x"
	ok 'root writes it' sh -c "echo ho >$dir/x"
	ok 'its owner changes its mode' as_user chmod 640 "$dir/x"
	ok 'root changes its owner' chown 1:1 "$dir/x"
	ok 'root grows it' truncate -s 64K "$dir/x"
	ok 'a daemon that does not see every process shrinks nothing' \
		fails_with busy truncate -s 1K "$dir/x"
	ok 'root allocates' fallocate -l 8K "$dir/x"
	ok 'root destroys it, if unused' python3 -c \
		"import os; os.setxattr('$dir/x', 'user.segfs.destroy', b'if-unused')"
done
ok 'a user makes a System V segment' as_user truncate -s 64K "$ns/host/sysv/0x00005e62"
ok 'and writes it' as_user dd if=/dev/zero of="$ns/host/sysv/0x00005e62" conv=notrunc count=1
ok 'root changes its owner' chown 5 "$ns/host/sysv/0x00005e62"
ok 'root removes it' rm "$ns/host/sysv/0x00005e62"
ok 'the end of it' end_ns team
ok 'of both' end_ns host

# -- YAML and quadlets -----------------------------------------------------------------

ok 'the quadlets have the sections of podman' python3 -B "$here/check_contrib.py" quadlets \
	"$CONTRIB/podman"
if python3 -c 'import yaml' 2>/dev/null; then
	ok 'the compose file binds what it should' \
		python3 -B "$here/check_contrib.py" compose "$CONTRIB/compose.yaml"
	ok 'the DaemonSet passes its mounts on' \
		python3 -B "$here/check_contrib.py" kubernetes "$CONTRIB/kubernetes/daemonset.yaml"
else
	skip_part 'the YAML files: python3-yaml is not installed'
fi
finish

# shellcheck shell=bash
# Sourced after lib.sh: podman and runc, an image of busybox, and containers of it.
need podman runc busybox python3
! ldd "$(command -v busybox)" >/dev/null 2>&1 || skip 'busybox is not static: busybox-static'

in_own_cgroups

# Nothing of the machine's podman is touched: its state, and /run, are the test's own.
mount -t tmpfs tmpfs /run
export TMPDIR=$DIR/tmp HOME=$DIR/home XDG_RUNTIME_DIR=/run
mkdir "$TMPDIR" "$HOME"

pod()
{
	podman --root "$DIR/podman" --runroot /run/podman --tmpdir /run/podman-tmp \
		--runtime runc --cgroup-manager cgroupfs --storage-driver vfs \
		--events-backend file "$@"
}

# shellcheck disable=SC2317  # called by lib.sh at the end
cleanup()
{
	pod pod rm -f -a -t 0
	pod rm -f -a -t 0
	wait "${clients[@]}"
}

make_image()
{
	local rootfs=$DIR/rootfs link

	mkdir -p "$rootfs"/{bin,usr,etc,seg,tmp,tests}
	cp -L "$(command -v busybox)" "$rootfs/bin/busybox"
	for link in sh cat ls rm true readlink; do
		ln -s busybox "$rootfs/bin/$link"
	done
	for link in lib lib64; do
		[ ! -L "/$link" ] || ln -s "$(readlink "/$link")" "$rootfs/$link"
	done
	install -d -o 54321 -g 54321 -m 0700 "$rootfs/theirs"
	echo root:x:0:0:root:/:/bin/sh >"$rootfs/etc/passwd"
	tar -C "$rootfs" -cf "$DIR/rootfs.tar" .
	pod import -q "$DIR/rootfs.tar" segfs-test >/dev/null
}

clients=()
limits=(--ulimit nofile=20000:20000 --ulimit nproc=32768:32768)
tools=(-v /usr:/usr:ro -v "$here:/tests:ro" -v "$SHM_PEER:/shm_peer:ro")
# shellcheck disable=SC2034  # for the tests
inside=(/usr/bin/python3 -B /tests/inside.py)

# run PODMAN-OPTION... -- COMMAND...
run()
{
	local options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	pod run --rm -i --network none --ipc private "${limits[@]}" "${tools[@]}" \
		"${options[@]}" segfs-test "$@"
}

# up NAME PODMAN-OPTION...: one that lasts as long as this test.
up()
{
	local name=$1 fd
	shift

	mkfifo "$DIR/$name.in"
	run --name "$name" "$@" -- cat <"$DIR/$name.in" >"$DIR/$name.err" 2>&1 &
	clients+=($!)
	exec {fd}>"$DIR/$name.in" # kept open: the container's cat ends with the test
	until [ "$(pod inspect -f '{{.State.Running}}' "$name" 2>/dev/null)" = true ]; do
		kill -0 $! 2>/dev/null || skip "podman runs no container: $(cat "$DIR/$name.err")"
	done
}

within()
{
	local name=$1
	shift
	pod exec "$name" "$@"
}

make_image || skip 'podman imports no image'

#!/bin/bash
# What contrib/ has for compose and Kubernetes, run by podman as far as that can: the
# compose file by podman-compose, the pod that uses a namespace by `podman kube play`.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/podman-lib.sh"

# Here is room for the paths that the files name: /run is the test's own.
ns=/run/segfs
mkdir -p "$ns"
mount --bind "$ns" "$ns"
start_ns teamA size=8m,mode=1777

# -- compose -----------------------------------------------------------------------------------

# podman as this test has it; there is no network, though podman-compose makes one.
podman_for_compose()
{
	local args=()

	while [ $# -gt 0 ]; do
		case $1 in
		--net | --network-alias) shift ;;
		*) args+=("$1") ;;
		esac
		shift
	done
	pod "${args[@]}"
}

compose()
{
	podman-compose --podman-path "$DIR/podman.sh" -p segfs-example \
		--podman-run-args="${limits[*]} ${tools[*]}" \
		-f "$CONTRIB/compose.yaml" -f "$DIR/images.yaml" "$@"
}

in_service()
{
	within "segfs-example_$1_1" "${inside[@]}" "${@:2}"
}

# shellcheck disable=SC2317  # called by ok
check_compose()
{
	ok 'the compose file is run' compose up -d
	ok 'the producer makes a segment by shm_open()' in_service producer shm-create frames hello
	ok 'the consumer reads it' in_service consumer map-read "$ns/teamA/frames" hello
	ok 'and the reader' in_service reader map-read /feed/frames hello
	ok 'which can only read' in_service reader read-only /feed frames
	ok 'the worker is killed' kill_worker teamA
	ok 'and the consumer sees the next' in_service consumer map-read "$ns/teamA/frames" hello
	ok 'the services end' compose down -t 0
}

if command -v podman-compose >/dev/null; then
	{
		printf '#!/bin/bash\n'
		declare -p DIR
		declare -f pod podman_for_compose
		# shellcheck disable=SC2016  # expanded when it runs
		printf 'podman_for_compose "$@"\n'
	} >"$DIR/podman.sh"
	chmod +x "$DIR/podman.sh"
	for service in producer consumer reader; do
		printf '  %s: {image: segfs-test, command: cat, stdin_open: true, network_mode: none}\n' \
			"$service"
	done | sed '1i services:' >"$DIR/images.yaml"
	check_compose
else
	skip_part 'the compose file: podman-compose is not installed'
fi

# -- Kubernetes --------------------------------------------------------------------------------

# The pod of the file, with an image and a command that are here.
pod_that_uses_it()
{
	python3 -B -c '
import sys, yaml
pod = [d for d in yaml.safe_load_all(open(sys.argv[1])) if d["kind"] == "Pod"][0]
pod["spec"]["hostNetwork"] = True
container, = pod["spec"]["containers"]
container.update(image="localhost/segfs-test:latest", imagePullPolicy="Never",
                 command=["/bin/sh", "-c", "trap exit TERM; busybox sleep 600 & wait"])
yaml.safe_dump(pod, sys.stdout)
' "$CONTRIB/kubernetes/daemonset.yaml"
}
in_pod()
{
	within segfs-user-user /bin/sh -c "$1"
}

# shellcheck disable=SC2317  # called by ok
check_pod()
{
	ok 'the pod is made' pod kube play "$DIR/pod.yaml"
	ok 'it reads what is there' is "$(in_pod "cat $ns/teamA/hello")" hello
	ok 'and makes a segment' in_pod "umask 077; echo hi >$ns/teamA/by-pod"
	ok 'as its user' is "$(stat -c %u "$ns/teamA/by-pod")" 1000
	ok 'who cannot write what is not theirs' \
		fails_with 'Permission denied' in_pod "echo x >$ns/teamA/hello"
	ok 'nor the read-only view' fails_with 'Read-only' in_pod "echo x >$ns/ro/teamA/by-pod"
	ok 'the worker is killed' kill_worker teamA
	ok 'and the pod sees the next' is "$(in_pod "cat $ns/teamA/by-pod")" hi
	ok 'the pod ends' pod kube down "$DIR/pod.yaml"
}

if python3 -c 'import yaml' 2>/dev/null && command -v catatonit >/dev/null; then
	pod_that_uses_it >"$DIR/pod.yaml"
	sh -c "umask 022; echo hello >$ns/teamA/hello"
	check_pod
else
	skip_part 'the pod: python3-yaml or catatonit is not installed'
fi
ok 'the end of it' end_ns teamA
finish

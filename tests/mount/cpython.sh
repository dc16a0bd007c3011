#!/bin/bash
# CPython's own tests of shared memory, with the mount bound over /dev/shm. They are in
# Debian's package libpython3.11-testsuite, and belong to Debian's python3.
. "$(dirname "$0")/lib.sh"

python=/usr/bin/python3

"$python" -c 'import test.test_multiprocessing_fork' 2>/dev/null || {
	echo "skipped: needs CPython's test suite (package libpython3.11-testsuite)"
	exit 77
}
mount --bind "$P" /dev/shm

# Runs some tests, which name those that fail.
passes()
{
	local said

	said=$("$python" -m test "$@" 2>&1) || fail "$said"
	[ "$(pgrep -c -f "^$SEGFS -f host $POINT")" = 1 ] || fail 'the daemon is gone'
}

shared_memory_of_multiprocessing()
{
	passes test_multiprocessing_fork -m '*WithProcessesTestSharedMemory*'
}

locks_and_semaphores_of_multiprocessing()
{
	passes test_multiprocessing_spawn -m '*WithProcessesTestLock*' \
		-m '*WithProcessesTestSemaphore*' -m '*WithProcessesTestEvent*'
}

arrays_of_multiprocessing_in_its_heap()
{
	passes test_multiprocessing_fork -m '*WithProcessesTestHeap*' \
		-m '*WithProcessesTestArray*' -m '*WithProcessesTestValue*' \
		-m '*WithProcessesTestSharedCTypes*'
}

mmap_on_files_of_the_mount()
{
	cd "$P"
	passes test_mmap
}

run_tests shared_memory_of_multiprocessing locks_and_semaphores_of_multiprocessing \
	arrays_of_multiprocessing_in_its_heap mmap_on_files_of_the_mount

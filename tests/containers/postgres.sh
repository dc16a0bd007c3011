#!/bin/bash
# shellcheck disable=SC2317  # much is called by ok, and by lib.sh at the end
# PostgreSQL with a private namespace at /dev/shm, and its System V segment in sight.
. "$(dirname "$0")/lib.sh"
need setpriv
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
for program in initdb psql; do
	[ -x "$bin/$program" ] || skip 'PostgreSQL is not installed (apt: postgresql)'
done
id nobody >/dev/null 2>&1 || skip 'there is no user nobody'

start_ns team size=256m
mount --bind "$ns/team" /dev/shm # in this test's mount namespace
install -d -o nobody -g nogroup "$DIR/pg"
cd "$DIR/pg" || exit 1

as_nobody()
{
	setpriv --reuid nobody --regid nogroup --clear-groups \
		env -i HOME="$DIR/pg" PATH="$bin:$PATH" LC_ALL=C.UTF-8 "$@"
}

cleanup()
{
	as_nobody pg_ctl -D "$DIR/pg/data" -m immediate stop
}

sql()
{
	as_nobody psql -h "$DIR/pg" -d postgres -X -A -t -v ON_ERROR_STOP=1 -c "$1"
}

start_server()
{
	as_nobody pg_ctl -w -D "$DIR/pg/data" -l "$DIR/pg/log" -o "-c listen_addresses='' \
		-c unix_socket_directories='$DIR/pg' -c dynamic_shared_memory_type=posix \
		-c shared_memory_type=$1 -c max_parallel_workers=4 -c fsync=off \
		-c max_parallel_workers_per_gather=2 -c shared_buffers=16MB" start ||
		{
			cat "$DIR/pg/log"
			return 1
		}
}

parallel="SET min_parallel_table_scan_size=0; SET parallel_setup_cost=0;
	SET parallel_tuple_cost=0; SET enable_mergejoin=off; SET work_mem='64kB'"
join='SELECT count(*), sum(a.n) FROM a JOIN b USING (n)'

ok 'initdb' as_nobody initdb -D "$DIR/pg/data" --no-sync -A trust --no-instructions

for type in mmap sysv; do
	ok "a server with shared_memory_type=$type" start_server "$type"
	ok 'its segments are in the namespace' \
		grep -q '^PostgreSQL\.' <(find "$ns/team" -type f -printf '%f\n')
	ok 'one user owns them all' \
		is "$(find "$ns/team" -type f -printf '%u:%m\n' | sort -u)" nobody:600
	ok 'and one System V segment on the mount' \
		is "$(find "$POINT/sysv" -type f | wc -l)" 1
	ok 'two tables' sql 'DROP TABLE IF EXISTS a, b;
		CREATE TABLE a AS SELECT generate_series(1, 200000) AS n;
		CREATE TABLE b AS SELECT generate_series(1, 200000) AS n; ANALYZE a, b'
	ok 'a parallel hash join is planned' \
		grep -q 'Parallel Hash Join' <(sql "$parallel; EXPLAIN $join" 2>&1)
	ok 'and has the right result' \
		is "$(sql "$parallel; $join" | tail -n 1)" '200000|20000100000'
	ok "the server ends" as_nobody pg_ctl -w -D "$DIR/pg/data" -m fast stop
	ok 'and leaves nothing' is "$(find "$ns/team" "$POINT/sysv" -type f)" ''
done
umount /dev/shm
ok 'the end of it' end_ns team
finish

// SPDX-License-Identifier: MIT
/*
 * stress [--seconds N] [--seed N]
 *
 * Eight processes create, map, fork, pass descriptors over sockets and are killed at
 * random, while two loops collect what is unused and one destroys it name by name.
 * Nobody else removes anything: so whoever uses a segment must find it by its name and
 * with its bytes, at any time, and when all users are gone one collection takes it all.
 *
 * Also $SEGFS_STRESS_SECONDS (default: 60). Exit status: 0, 1 (what went wrong is said,
 * with the seed), 77: needs root.
 */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "fixture.h"

#define WORKERS     8
#define COLLECTORS  3
#define NAMES       24
#define KEYS        8
#define SLOTS       (NAMES + KEYS)
#define SEGMENT     (WORKERS * PAGE) /* a page for each worker */
#define SKIPPED     77
#define SIGNALS_MAX 40 /* milliseconds from one SIGKILL to the next */

enum event { CREATED, FORKED, PASSED, RECEIVED, LATE, KILLED, COLLECTED, EVENTS };
static const char *const event_names[EVENTS] = {
	"uses", "forks", "descriptors sent", "received", "attached too late", "kills", "collected",
};

struct shared {
	bool over, failed;
	unsigned begun[COLLECTORS]; /* rounds of each who collects */
	unsigned long count[EVENTS];
};

struct stress {
	unsigned seconds;
	unsigned long seed;
	uint64_t random;
	int index; /* of this worker */
	volatile struct shared *shared;
	int sockets[WORKERS][2]; /* what is sent to a worker outlives it */
	int alive[2];            /* a pipe that ends with the last process */
	char refs[SLOTS][64];
};

struct use {
	int slot;
	struct seg *seg;
	volatile uint64_t *addr;
	struct seg_stat stat;
};

static uint64_t next_random(struct stress *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

static unsigned below(struct stress *s, unsigned limit)
{
	return (unsigned)(next_random(s) >> 33) % limit;
}

static void count(struct stress *s, enum event event, unsigned long n)
{
	__atomic_add_fetch(&s->shared->count[event], n, __ATOMIC_RELAXED);
}

static noreturn void give_up(struct stress *s, const struct use *use, const char *what, int err)
{
	s->shared->failed = true;
	s->shared->over = true;
	fprintf(stderr, "stress: %s: %s (%s); seed %lu\n", use ? s->refs[use->slot] : "-", what,
		strerror(err < 0 ? -err : err), s->seed);
	_exit(1);
}

/* -- those who use --------------------------------------------------------------- */

static bool is_sysv(const struct use *use)
{
	return use->slot >= NAMES;
}

static bool has_name(struct stress *s, const struct use *use)
{
	struct seg_stat stat;

	return seg_stat(s->refs[use->slot], &stat) == 0 && stat.ino == use->stat.ino &&
	       stat.nlink == 1;
}

static void check_name(struct stress *s, const struct use *use)
{
	if (!has_name(s, use))
		give_up(s, use, "taken from its user", 0);
}

/* An attach can't be made to wait for one who destroys (see seg_destroy()): what had
 * begun before it may take the name. False where it has. */
static bool outlast_collectors(struct stress *s, const struct use *use)
{
	for (int i = 0; i < COLLECTORS; i++) {
		unsigned begun = s->shared->begun[i];

		while (s->shared->begun[i] == begun && !s->shared->over)
			sched_yield();
	}
	return has_name(s, use);
}

static int start_use(struct stress *s, struct use *use)
{
	unsigned flags = !is_sysv(use) && below(s, 4) == 0 ? SEG_EPHEMERAL : 0;
	void *addr;
	int r;

	r = seg_create(s->refs[use->slot], SEGMENT, 0600, flags, &use->seg);
	if (r < 0)
		return r;
	r = seg_map(use->seg, 0, 0, 0, &addr);
	if (r == 0)
		r = seg_fstat(use->seg, &use->stat);
	if (r < 0) {
		seg_close(use->seg);
		return r;
	}
	use->addr = addr;
	return 0;
}

static void end_use(struct use *use)
{
	seg_unmap((void *)use->addr, SEGMENT);
	seg_close(use->seg);
}

/* Each worker has a page of its own: first it signs, then it marks it. The mark is the
 * same for its successor, who may come while a child of the one that was killed lives. */
static volatile uint64_t *own_page(struct stress *s, const struct use *use)
{
	return &use->addr[(size_t)s->index * PAGE / sizeof(uint64_t)];
}

static uint64_t mark_of(const struct stress *s, const struct use *use)
{
	return s->seed * 1000 + (uint64_t)use->slot * WORKERS + (uint64_t)s->index;
}

/* A child has the mapping and nothing else; its parent may be killed before it. */
static void fork_a_user(struct stress *s, const struct use *use)
{
	const unsigned looks = below(s, 20);
	pid_t pid = fork();

	if (pid < 0)
		give_up(s, use, "fork", errno);
	count(s, FORKED, pid != 0);
	if (pid == 0) {
		seg_close(use->seg);
		for (unsigned i = 0; i < looks; i++) {
			check_name(s, use);
			if (own_page(s, use)[1] != mark_of(s, use))
				give_up(s, use, "other bytes in a child", 0);
		}
		_exit(0);
	}
	if (below(s, 2))
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

struct parcel {
	int slot;
	struct seg_stat stat;
};

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static void send_to_another(struct stress *s, const struct use *use)
{
	union control control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct parcel parcel = { .slot = use->slot, .stat = use->stat };
	struct iovec iov = { &parcel, sizeof(parcel) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	*(int *)(void *)CMSG_DATA(&control.header) = seg_fd(use->seg);
	if (sendmsg(s->sockets[below(s, WORKERS)][0], &message, MSG_DONTWAIT) > 0)
		count(s, PASSED, 1);
}

/* What was on its way was in use. */
static bool receive(struct stress *s, int sock)
{
	union control control;
	struct use use = { 0 };
	struct parcel parcel;
	struct iovec iov = { &parcel, sizeof(parcel) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	if (recvmsg(sock, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(parcel))
		return false;
	use.slot = parcel.slot;
	use.stat = parcel.stat;
	check_name(s, &use);
	close(*(int *)(void *)CMSG_DATA(&control.header));
	count(s, RECEIVED, 1);
	return true;
}

static void use_for_a_while(struct stress *s, const struct use *use)
{
	volatile uint64_t *own = own_page(s, use);
	const uint64_t signature = next_random(s);

	own[0] = signature;
	own[1] = mark_of(s, use);
	for (unsigned i = below(s, 30); i > 0 && !s->shared->over; i--) {
		unsigned what = below(s, 10);

		if (what == 0)
			fork_a_user(s, use);
		else if (what == 1 && !is_sysv(use))
			send_to_another(s, use);
		check_name(s, use);
		if (own[0] != signature || own[1] != mark_of(s, use))
			give_up(s, use, "other bytes", 0);
		if (what == 2)
			sched_yield();
	}
}

static void work_once(struct stress *s)
{
	struct use use = { .slot = (int)below(s, SLOTS) };
	int r = start_use(s, &use);

	if (r == 0) {
		count(s, CREATED, 1);
		if (is_sysv(&use) && !outlast_collectors(s, &use))
			count(s, LATE, 1);
		else
			use_for_a_while(s, &use);
		end_use(&use);
	} else if (!is_sysv(&use) || (r != -ENOENT && r != -EAGAIN)) {
		give_up(s, &use, "can't be created or opened", r);
	}
	while (receive(s, s->sockets[s->index][1]))
		;
}

/* -- those who take away ---------------------------------------------------------- */

static void collect(struct stress *s)
{
	static const struct seg_gc_filter posix = { .kind = SEG_POSIX,
						    .pattern = "/segfs-test-*",
						    .uid = (uid_t)-1 };
	static const struct seg_gc_filter sysv = { .kind = SEG_SYSV,
						   .pattern = "sysv:0x5e9?????",
						   .uid = (uid_t)-1 };
	int r = seg_gc(&posix, NULL, NULL), q = seg_gc(&sysv, NULL, NULL);

	if (r < 0 || q < 0)
		give_up(s, NULL, "gc", r < 0 ? r : q);
	count(s, COLLECTED, (unsigned long)r + (unsigned long)q);
}

static void destroy_each(struct stress *s)
{
	for (int slot = 0; slot < SLOTS; slot++) {
		const struct use use = { .slot = slot };
		int r = seg_destroy(s->refs[slot], SEG_IF_UNUSED);

		if (r < 0 && r != -EBUSY && r != -ENOENT)
			give_up(s, &use, "destroy if unused", r);
		count(s, COLLECTED, r == 0);
	}
}

/* -- the one who starts and kills them ---------------------------------------------- */

static pid_t start(struct stress *s, int index, void (*once)(struct stress *s))
{
	uint64_t random = next_random(s) | 1;
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		give_up(s, NULL, "fork", errno);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	s->index = index;
	s->random = random;
	while (!s->shared->over) {
		if (once != work_once)
			s->shared->begun[index]++;
		once(s);
	}
	_exit(0);
}

static void wait_ms(unsigned ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void kill_at_random(struct stress *s, pid_t workers[WORKERS])
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += s->seconds;
	do {
		unsigned victim = below(s, WORKERS);

		wait_ms(1 + below(s, SIGNALS_MAX));
		kill(workers[victim], SIGKILL);
		waitpid(workers[victim], NULL, 0);
		workers[victim] = start(s, (int)victim, work_once);
		count(s, KILLED, 1);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!s->shared->over && now.tv_sec < end.tv_sec);
	s->shared->over = true;
}

/* Children of those who were killed die a moment later. */
static void wait_for_all(struct stress *s)
{
	char byte;

	while (waitpid(-1, NULL, 0) > 0)
		;
	for (int i = 0; i < WORKERS; i++) {
		while (receive(s, s->sockets[i][1]))
			;
		close(s->sockets[i][0]);
		close(s->sockets[i][1]);
	}
	close(s->alive[1]);
	if (read(s->alive[0], &byte, 1) != 0)
		give_up(s, NULL, "waiting for the last process", errno);
}

static void run(struct stress *s)
{
	pid_t workers[WORKERS];

	for (int i = 0; i < WORKERS; i++)
		workers[i] = start(s, i, work_once);
	start(s, 0, collect);
	start(s, 1, collect);
	start(s, 2, destroy_each);
	kill_at_random(s, workers);
	wait_for_all(s);
}

/* -- before and after ------------------------------------------------------------------ */

static void init(struct stress *s)
{
	void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED || pipe2(s->alive, O_CLOEXEC) < 0)
		give_up(s, NULL, "setting up", errno);
	s->shared = shared;
	s->random = s->seed * 0x9e3779b97f4a7c15u | 1;
	for (int i = 0; i < WORKERS; i++)
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s->sockets[i]) < 0)
			give_up(s, NULL, "setting up", errno);
	for (int i = 0; i < NAMES; i++)
		snprintf(s->refs[i], sizeof(s->refs[i]), "/segfs-test-%d-%d", getpid(), i);
	for (int i = NAMES; i < SLOTS; i++)
		snprintf(s->refs[i], sizeof(s->refs[i]), "sysv:0x5e9%05x", i);
}

static int check_nothing_left(struct stress *s)
{
	struct seg_stat stat;
	int left = 0;

	collect(s);
	for (int i = 0; i < SLOTS; i++) {
		if (seg_stat(s->refs[i], &stat) == -ENOENT)
			continue;
		fprintf(stderr, "stress: %s is left over; seed %lu\n", s->refs[i], s->seed);
		left++;
	}
	return left;
}

static int parse(struct stress *s, int argc, char **argv)
{
	static const struct option options[] = { { "seconds", required_argument, NULL, 's' },
						 { "seed", required_argument, NULL, 'r' },
						 { 0 } };
	const char *seconds = getenv("SEGFS_STRESS_SECONDS");
	int c;

	s->seconds = seconds ? (unsigned)atoi(seconds) : 60;
	s->seed = (unsigned long)time(NULL) << 16 ^ (unsigned long)getpid();
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			s->seconds = (unsigned)atoi(optarg);
		else if (c == 'r')
			s->seed = strtoul(optarg, NULL, 0);
		else
			return -1;
	}
	return optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct stress s;

	if (parse(&s, argc, argv) < 0) {
		fprintf(stderr, "usage: stress [--seconds N] [--seed N]\n");
		return 2;
	}
	if (geteuid() != 0 || fixture_isolate(NULL) < 0) {
		printf("skipped: needs root, for a /dev/shm and an IPC namespace of its own\n");
		return SKIPPED;
	}
	printf("%u seconds, seed %lu\n", s.seconds, s.seed);
	fflush(stdout);
	init(&s);
	run(&s);
	for (int i = 0; i < EVENTS; i++)
		printf("%s: %lu\n", event_names[i], s.shared->count[i]);
	return s.shared->failed || check_nothing_left(&s) > 0;
}

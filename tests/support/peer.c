// SPDX-License-Identifier: MIT
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seg.h"

/* The function's address is the same in both: one is the fork of the other. */
struct request {
	peer_fn *fn; /* NULL: exit */
	struct peer_args args;
};

static void peer_main(int sock)
{
	struct peer_self self = { .fd = -1 };
	struct request request;

	signal(SIGIO, SIG_IGN); /* the break of a lease */
	while (recv(sock, &request, sizeof(request), 0) == sizeof(request) && request.fn) {
		int result = request.fn(&self, &request.args);

		if (send(sock, &result, sizeof(result), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

static const struct child_setting same = { 0 };

struct peer *peer_start(struct fixture *f, const struct child_setting *setting)
{
	struct peer *peer = fixture_new_peer(f);
	int ends[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), errno);
	peer->pid = child_fork(setting ? setting : &same);
	assert_return_code(peer->pid, errno);
	if (peer->pid == 0) {
		close(ends[0]);
		peer_main(ends[1]);
	}
	close(ends[1]);
	peer->sock = ends[0];
	return peer;
}

struct peer *peer_spawn(struct fixture *f, child_fn *fn, void *arg)
{
	struct peer *peer = fixture_new_peer(f);

	peer->sock = -1;
	peer->pid = child_fork(&same);
	assert_return_code(peer->pid, errno);
	if (peer->pid == 0)
		_exit(fn(arg));
	return peer;
}

int peer_join(struct peer *peer)
{
	int status = child_wait(peer->pid);

	peer->pid = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void peer_end(struct peer *peer, int sig)
{
	static const struct request leave = { .fn = NULL };

	if (peer->pid <= 0)
		return;
	if (sig || send(peer->sock, &leave, sizeof(leave), MSG_NOSIGNAL) < 0)
		kill(peer->pid, SIGKILL);
	child_wait(peer->pid);
	if (peer->sock >= 0)
		close(peer->sock);
	peer->pid = 0;
}

void peer_stop(struct peer *peer)
{
	peer_end(peer, 0);
}

void peer_kill(struct peer *peer)
{
	peer_end(peer, SIGKILL);
}

int peer_do(struct peer *peer, peer_fn *fn, const struct peer_args *args)
{
	const struct request request = { .fn = fn, .args = *args };
	int result;

	assert_return_code(send(peer->sock, &request, sizeof(request), MSG_NOSIGNAL), errno);
	if (recv(peer->sock, &result, sizeof(result), 0) != sizeof(result))
		fail_msg("the peer is gone");
	return result;
}

/* -- what a peer can do: first its side, then the test's ------------------- */

static int do_open(struct peer_self *self, const struct peer_args *args)
{
	self->seg = seg_close(self->seg);
	return seg_open(args->text, args->flags, &self->seg);
}

static int do_map(struct peer_self *self, const struct peer_args *args)
{
	struct seg_stat stat;
	void *addr;
	int r;

	r = seg_map(self->seg, args->offset, args->length, args->flags, &addr);
	if (r < 0)
		return r;
	self->addr = addr;
	self->length = args->length;
	if (self->length == 0 && seg_fstat(self->seg, &stat) == 0)
		self->length = (size_t)(stat.size - args->offset);
	return 0;
}

static int do_close(struct peer_self *self, const struct peer_args *args)
{
	(void)args;
	self->seg = seg_close(self->seg);
	return 0;
}

static int do_unmap(struct peer_self *self, const struct peer_args *args)
{
	(void)args;
	return seg_unmap(self->addr, self->length);
}

static int do_read(struct peer_self *self, const struct peer_args *args)
{
	return *(volatile unsigned char *)&self->addr[args->offset];
}

static int do_write(struct peer_self *self, const struct peer_args *args)
{
	*(volatile unsigned char *)&self->addr[args->offset] = (unsigned char)args->value;
	return 0;
}

static int do_lease(struct peer_self *self, const struct peer_args *args)
{
	if (self->fd < 0)
		self->fd = open(args->text, O_RDONLY | O_CLOEXEC);
	if (self->fd < 0 || fcntl(self->fd, F_SETLEASE, args->value) < 0)
		return -errno;
	return 0;
}

int peer_open(struct peer *peer, const char *ref, unsigned flags)
{
	struct peer_args args = { .flags = flags };

	snprintf(args.text, sizeof(args.text), "%s", ref);
	return peer_do(peer, do_open, &args);
}

int peer_map(struct peer *peer, uint64_t offset, size_t length, unsigned flags)
{
	return peer_do(peer, do_map,
		       &(struct peer_args){ .offset = offset, .length = length, .flags = flags });
}

int peer_close(struct peer *peer)
{
	return peer_do(peer, do_close, &(struct peer_args){ 0 });
}

int peer_unmap(struct peer *peer)
{
	return peer_do(peer, do_unmap, &(struct peer_args){ 0 });
}

int peer_read(struct peer *peer, size_t at)
{
	return peer_do(peer, do_read, &(struct peer_args){ .offset = at });
}

void peer_write(struct peer *peer, size_t at, unsigned char byte)
{
	peer_do(peer, do_write, &(struct peer_args){ .offset = at, .value = byte });
}

int peer_lease(struct peer *peer, const char *path, int type)
{
	struct peer_args args = { .value = type };

	snprintf(args.text, sizeof(args.text), "%s", path);
	return peer_do(peer, do_lease, &args);
}

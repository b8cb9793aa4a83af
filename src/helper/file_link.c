/* SPDX-License-Identifier: MIT */
#include "helper/file_link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/chunk.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/mem.h"

#define LAST_S 5

static volatile sig_atomic_t told_to_end;

static void end_cb(int signum)
{
	(void)signum;
	told_to_end = 1;
	alarm(LAST_S); /* a file system that does not answer lets go of nobody but the dying */
}

void file_link_signals(void)
{
	struct sigaction end = { .sa_handler = end_cb };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

int file_link_wait(const struct file_link *l, int fd, short events, struct error *err)
{
	struct pollfd p[3] = { { .fd = fd, .events = events }, { .fd = l->pidfd, .events = POLLIN },
			       { .fd = l->watch, .events = POLLIN } };

	for (;;) {
		int n;

		if (told_to_end)
			return error_set(err, ERROR_CANCELLED, "told to end");
		n = poll(p, 3, -1);
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "cannot wait for berthd");
		if (n > 0 && p[1].revents != 0)
			return error_set(err, ERROR_CANCELLED, "the container has just ended");
		if (n > 0 && p[2].revents != 0)
			return error_set(err, ERROR_CANCELLED, "berthd ended it");
		if (n > 0 && (p[0].revents & events) != 0)
			return 0;
		if (n > 0 && p[0].revents != 0)
			return error_set(err, ERROR_CANCELLED, "berthd has gone");
	}
}

static int write_all(const struct file_link *l, const char *data, size_t len, struct error *err)
{
	while (len > 0) {
		ssize_t n;

		if (file_link_wait(l, l->fd, POLLOUT, err) < 0)
			return -1;
		n = write(l->fd, data, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return error_sys(err, errno, "cannot write to berthd");
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int file_link_write(const struct file_link *l, const void *data, size_t len, struct error *err)
{
	unsigned char head[CHUNK_HEAD];

	chunk_head(head, (uint32_t)len);
	if (write_all(l, (const char *)head, sizeof(head), err) < 0)
		return -1;
	return write_all(l, data, len, err);
}

int file_link_json(struct file_link *l, cJSON *taken, struct error *err)
{
	AUTO_FREE char *text = json_text(taken);

	cJSON_Delete(taken);
	l->told = true;
	return file_link_write(l, text, strlen(text), err);
}

static int read_all(const struct file_link *l, char *buf, size_t len, struct error *err)
{
	while (len > 0) {
		ssize_t n;

		if (file_link_wait(l, l->fd, POLLIN, err) < 0)
			return -1;
		n = read(l->fd, buf, len);
		if (n == 0)
			return error_set(err, ERROR_CANCELLED, "berthd has gone");
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return error_sys(err, errno, "cannot read from berthd");
		buf += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

ssize_t file_link_read(const struct file_link *l, void *buf, struct error *err)
{
	unsigned char head[CHUNK_HEAD];
	uint32_t len;

	if (read_all(l, (char *)head, sizeof(head), err) < 0)
		return -1;
	len = chunk_len(head);
	if (len > CHUNK_MAX)
		return error_set(err, ERROR_INVALID, "a chunk of %u bytes is too long", len);
	if (read_all(l, buf, len, err) < 0)
		return -1;
	return (ssize_t)len;
}

static int take_fd(struct msghdr *msg)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

int file_link_receive(const struct file_link *l, int *ret_fd, struct strbuf *early, struct error *err)
{
	AUTO_FREE char *buf = mem_alloc(CHUNK_MAX);
	char space[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec none = { .iov_base = buf, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &none, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	ssize_t n;

	if (file_link_wait(l, l->fd, POLLIN, err) < 0)
		return -1;
	n = recvmsg(l->fd, &msg, MSG_CMSG_CLOEXEC);
	*ret_fd = n == 1 ? take_fd(&msg) : -1;
	if (*ret_fd < 0)
		return error_set(err, ERROR_CANCELLED, "berthd has gone");
	n = file_link_read(l, buf, err);
	if (n < 0)
		return -1;
	strbuf_add(early, buf, (size_t)n);
	return 0;
}

char *file_link_text(const char *s)
{
	struct strbuf out = STRBUF_INIT;
	size_t left = strlen(s);

	while (left > 0) {
		size_t n = json_utf8_len(s, left);

		if (n > 0)
			strbuf_add(&out, s, n);
		else
			strbuf_addstr(&out, "\xef\xbf\xbd");
		n = n > 0 ? n : 1;
		s += n;
		left -= n;
	}
	return strbuf_detach(&out);
}

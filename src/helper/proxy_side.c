/* SPDX-License-Identifier: MIT */
#include "helper/proxy_side.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534, FDS_PER_MESSAGE = 128, BACKLOG = 512 };

static int open_ns(pid_t pid, const char *name, struct error *err)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		error_sys(err, errno, "cannot open '%s'", path);
	return fd;
}

static bool is_own_user_ns(int fd)
{
	struct stat own, theirs;

	return stat("/proc/self/ns/user", &own) == 0 && fstat(fd, &theirs) == 0 && own.st_ino == theirs.st_ino;
}

int proxy_instance_open(pid_t pid, struct proxy_instance *ret, struct error *err)
{
	*ret = (struct proxy_instance){ .pid = pid, .net = -1, .mnt = -1, .user = -1 };
	ret->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (ret->pidfd < 0)
		return error_set(err, ERROR_NOT_FOUND, "process %d is gone", (int)pid);
	ret->net = open_ns(pid, "net", err);
	ret->mnt = ret->net < 0 ? -1 : open_ns(pid, "mnt", err);
	ret->user = ret->mnt < 0 ? -1 : open_ns(pid, "user", err);
	if (ret->user < 0)
		return -1;
	/* what was opened is that process's, if it is still there */
	if (syscall(SYS_pidfd_send_signal, ret->pidfd, 0, NULL, 0) < 0)
		return error_set(err, ERROR_NOT_FOUND, "process %d is gone", (int)pid);
	if (is_own_user_ns(ret->user)) {
		close(ret->user);
		ret->user = -1;
	}
	return 0;
}

/* ---- rights */

/* All capabilities go, but for that one. */
static int keep_only(unsigned capability_or_none)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (capability_or_none < 32)
		data[0].effective = data[0].permitted = 1u << capability_or_none;
	return (int)syscall(SYS_capset, &header, data);
}

static int become(const struct proxy_instance *in, const struct endpoint *e, const struct proxy_rights *rights)
{
	bool file = e->kind == ENDPOINT_UNIX;
	/* in the container root, who may do there as it likes; on the host root only to get at a socket's file */
	uid_t uid = rights->has_uid ? rights->uid : in || file ? 0 : NOBODY;
	gid_t gid = rights->has_gid ? rights->gid : in || file ? 0 : NOBODY;
	unsigned capability = file && !rights->has_uid ? CAP_DAC_OVERRIDE : ~0u;

	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return -1;
	if (setresgid(gid, gid, gid) < 0)
		return -1;
	if (prctl(PR_SET_KEEPCAPS, 0) < 0 || setresuid(uid, uid, uid) < 0)
		return -1;
	if (uid == 0 && keep_only(capability) < 0)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int enter(const struct proxy_instance *in, const struct endpoint *e, struct error *err)
{
	if (!in)
		return 0;
	if (setns(in->net, CLONE_NEWNET) < 0)
		return error_sys(err, errno, "cannot enter the network of process %d", (int)in->pid);
	if (e->kind == ENDPOINT_UNIX && setns(in->mnt, CLONE_NEWNS) < 0)
		return error_sys(err, errno, "cannot enter the files of process %d", (int)in->pid);
	if (in->user >= 0 && setns(in->user, CLONE_NEWUSER) < 0)
		return error_sys(err, errno, "cannot enter the users of process %d", (int)in->pid);
	return 0;
}

int proxy_enter(const struct proxy_instance *in_or_null, const struct endpoint *e, const struct proxy_rights *rights,
		struct error *err)
{
	if (enter(in_or_null, e, err) < 0)
		return -1;
	if (become(in_or_null, e, rights) < 0)
		return error_sys(err, errno, "cannot give up rights");
	(void)prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

/* ---- listening */

/* A file that a killed one left: nobody accepts there. */
static void remove_stale(const struct sockaddr_storage *address, socklen_t len)
{
	const char *path = ((const struct sockaddr_un *)address)->sun_path;
	struct stat st;
	int fd;

	if (!*path || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, len) < 0 && errno == ECONNREFUSED)
		unlink(path);
	if (fd >= 0)
		close(fd);
}

static int set_owner(const struct endpoint *e, const struct proxy_owner *owner)
{
	if (e->kind != ENDPOINT_UNIX || e->path[0] != '/')
		return 0;
	if ((owner->has_uid || owner->has_gid) &&
	    lchown(e->path, owner->has_uid ? owner->uid : (uid_t)-1, owner->has_gid ? owner->gid : (gid_t)-1) < 0)
		return -1;
	return chmod(e->path, owner->mode);
}

static int listen_one(const struct endpoint *e, size_t i, const struct proxy_owner *owner, struct error *err)
{
	int type = (e->kind == ENDPOINT_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	struct sockaddr_storage address;
	socklen_t len = endpoint_address(e, i, &address);
	int fd = socket(e->family, type, 0), on = 1;
	mode_t mask;
	int failed;

	if (fd < 0)
		return error_sys(err, errno, "cannot make a socket");
	if (e->kind == ENDPOINT_UNIX)
		remove_stale(&address, len);
	else if (e->kind == ENDPOINT_TCP)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	mask = umask(0177);
	failed = bind(fd, (struct sockaddr *)&address, len) < 0 || set_owner(e, owner) < 0 ||
		 (e->kind != ENDPOINT_UDP && listen(fd, BACKLOG) < 0);
	umask(mask);
	if (failed) {
		if (e->kind == ENDPOINT_UNIX)
			error_sys(err, errno, "Failed to listen on %s", e->path);
		else
			error_sys(err, errno, "Failed to listen on %s:%u", e->host, (unsigned)e->ports[i]);
		close(fd);
		return -1;
	}
	return fd;
}

static int listen_all(const struct endpoint *e, const struct proxy_owner *owner, int *fds, size_t *ret_n,
		      struct error *err)
{
	size_t n = e->n_ports ? e->n_ports : 1;

	for (*ret_n = 0; *ret_n < n; (*ret_n)++) {
		fds[*ret_n] = listen_one(e, *ret_n, owner, err);
		if (fds[*ret_n] < 0)
			return -1;
	}
	return 0;
}

struct message {
	char text[256]; /* "": what comes with it is n descriptors */
	size_t n;
};

union fd_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FDS_PER_MESSAGE)];
};

static int send_fds(int to, const int *fds, size_t n, const char *text)
{
	struct message m = { .n = n };
	union fd_space control = { 0 };
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	snprintf(m.text, sizeof(m.text), "%s", text);
	if (n > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * n);
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(m) ? 0 : -1;
}

static int receive_fds(int from, int *fds, size_t room, size_t *ret_n, struct error *err)
{
	struct message m = { 0 };
	union fd_space control = { 0 };
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	const struct cmsghdr *h;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(m))
		return error_set(err, ERROR_SYSTEM, "the listening side ended");
	m.text[sizeof(m.text) - 1] = '\0';
	if (m.text[0])
		return error_set(err, ERROR_SYSTEM, "%s", m.text);
	h = CMSG_FIRSTHDR(&msg);
	if (!h || h->cmsg_type != SCM_RIGHTS || m.n > room || h->cmsg_len != CMSG_LEN(sizeof(int) * m.n))
		return error_set(err, ERROR_SYSTEM, "the listening side sent nonsense");
	memcpy(fds, CMSG_DATA(h), sizeof(int) * m.n);
	*ret_n = m.n;
	return 0;
}

static void listen_in_child(const struct proxy_instance *in, const struct endpoint *e,
			    const struct proxy_owner *owner, int to)
{
	int *fds = calloc(ENDPOINT_PORTS_MAX, sizeof(*fds));
	struct error err = ERROR_INIT;
	size_t n = 0;

	/* root of the container, with its rights there, not the host's */
	if (!fds || enter(in, e, &err) < 0 ||
	    (in->user >= 0 && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) ||
	    listen_all(e, owner, fds, &n, &err) < 0) {
		send_fds(to, NULL, 0, err.msg[0] ? err.msg : "cannot enter the container");
		_exit(1);
	}
	for (size_t i = 0; i < n; i += FDS_PER_MESSAGE) {
		if (send_fds(to, fds + i, n - i < FDS_PER_MESSAGE ? n - i : FDS_PER_MESSAGE, "") < 0)
			_exit(1);
	}
	_exit(0);
}

int proxy_listen(const struct proxy_instance *in_or_null, const struct endpoint *e, const struct proxy_owner *owner,
		 int *fds, size_t *ret_n, struct error *err)
{
	size_t wanted = e->n_ports ? e->n_ports : 1, got = 0;
	int pair[2], ret = 0;
	pid_t child;

	if (!in_or_null)
		return listen_all(e, owner, fds, ret_n, err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "cannot make a socket pair");
	child = fork();
	if (child == 0) {
		close(pair[0]);
		listen_in_child(in_or_null, e, owner, pair[1]);
	}
	close(pair[1]);
	if (child < 0)
		ret = error_sys(err, errno, "cannot fork");
	for (*ret_n = 0; ret == 0 && *ret_n < wanted; *ret_n += got)
		ret = receive_fds(pair[0], fds + *ret_n, wanted - *ret_n, &got, err);
	close(pair[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return ret;
}

void proxy_unlink(const struct proxy_instance *in_or_null, const struct endpoint *e)
{
	struct error ignored = ERROR_INIT;
	pid_t child;

	if (e->kind != ENDPOINT_UNIX || e->path[0] != '/')
		return;
	if (!in_or_null) {
		unlink(e->path);
		return;
	}
	child = fork();
	if (child == 0) {
		if (enter(in_or_null, e, &ignored) == 0 &&
		    (in_or_null->user < 0 || (setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0)))
			unlink(e->path);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

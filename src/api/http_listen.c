/* SPDX-License-Identifier: MIT */
/* The unix socket that the API listens on. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/http_private.h"
#include "base/log.h"
#include "base/mem.h"

#define GROUP_NAME "berth"

/* Looks in /etc/group itself: the C library would load every name service of the host into the daemon. */
static gid_t find_group(void)
{
	FILE *f = fopen("/etc/group", "re");
	struct group *g;
	gid_t gid = (gid_t)-1;

	if (!f)
		return gid;
	while (gid == (gid_t)-1 && (g = fgetgrent(f)))
		if (strcmp(g->gr_name, GROUP_NAME) == 0)
			gid = g->gr_gid;
	fclose(f);
	return gid;
}

/* Something is at the path: a dead daemon's socket is removed, anything else is refused. */
static int remove_stale(const struct sockaddr_un *addr, struct error *err)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return error_sys(err, errno, "cannot make a socket");
	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot look at '%s'", addr->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, ERROR_CONFLICT, "'%s' is in the way: it is not a socket",
				 addr->sun_path);
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		return error_set(err, ERROR_CONFLICT, "another daemon answers on '%s'", addr->sun_path);
	if (errno != ECONNREFUSED)
		return error_sys(err, errno, "cannot tell whether another daemon answers on '%s'",
				 addr->sun_path);
	if (unlink(addr->sun_path) < 0)
		return error_sys(err, errno, "cannot remove the old socket '%s'", addr->sun_path);
	return 0;
}

/* Nobody can connect before listen(): the mode is right from the first moment. */
static int bind_and_listen(int fd, const struct sockaddr_un *addr, struct error *err)
{
	gid_t gid = find_group();

	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		return error_sys(err, errno, "cannot bind '%s'", addr->sun_path);
	if (gid != (gid_t)-1 && lchown(addr->sun_path, (uid_t)-1, gid) < 0)
		log_warning("cannot give '%s' to the group %s: %s", addr->sun_path, GROUP_NAME,
			    strerror(errno));
	if (chmod(addr->sun_path, 0660) < 0)
		return error_sys(err, errno, "cannot set the mode of '%s'", addr->sun_path);
	if (listen(fd, SOMAXCONN) < 0)
		return error_sys(err, errno, "cannot listen on '%s'", addr->sun_path);
	return 0;
}

int http_socket(const char *path, struct error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return error_set(err, ERROR_INVALID, "the socket path '%s' is longer than %zu bytes", path,
				 sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (remove_stale(&addr, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_sys(err, errno, "cannot make a socket");
	if (bind_and_listen(fd, &addr, err) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

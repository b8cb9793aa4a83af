/* SPDX-License-Identifier: MIT */
#include "instance/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/chunk.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store.h"
#include "instance/work.h"
#include "lxc/probe.h"
#include "model/settings.h"

#define LONGEST_S (24 * 3600) /* of one file; the client's patience is bounded by http */

struct file_session {
	struct berthd *b;
	char *name;
	int fd, child_fd;
	struct argv verb;
	struct proc *proc; /* of a running instance, not over yet */
	bool op;           /* of a stopped one, likewise */
	file_session_cb cb; /* or NULL */
	bool closed, ended;
	bool is_long;      /* in berthd.long_sessions */
	struct file_session *next;
	void *data;
};

static void leave_list(struct file_session *s)
{
	struct file_session **p = &s->b->long_sessions;

	if (!s->is_long)
		return;
	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	s->is_long = false;
}

static void session_free(struct file_session *s)
{
	leave_list(s);
	if (s->fd >= 0)
		close(s->fd);
	if (s->child_fd >= 0)
		close(s->child_fd);
	argv_clear(&s->verb);
	free(s->name);
	free(s);
}

/* It is over. The owner may close it now or later. */
static void session_end(struct file_session *s, const struct error *err)
{
	file_session_cb cb = s->cb;

	s->proc = NULL;
	s->op = false;
	s->ended = true;
	leave_list(s);
	if (s->child_fd >= 0) {
		close(s->child_fd);
		s->child_fd = -1;
	}
	if (s->closed)
		session_free(s);
	else if (cb != NULL)
		cb(err, s->data);
}

static struct file_session *find_long(const struct berthd *b, const char *name)
{
	struct file_session *s = b->long_sessions;

	while (s != NULL && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

static void drop_child_fd(struct file_session *s)
{
	close(s->child_fd);
	s->child_fd = -1;
}

int file_push_stopped(struct berthd *b, const struct instance *inst, struct argv *argv, struct error *err)
{
	const char *fingerprint = json_str_or(json_obj(inst->desired, "config"), "volatile.base_image", "");
	AUTO_FREE char *dir = instance_dir(b, inst->name);
	AUTO_FREE char *tree = NULL;
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth: start it first", inst->name);
	if (inst->note != NULL)
		return error_set(err, ERROR_INVALID, "%s", inst->note);
	argv_pushf(argv, "--dir=%s", dir);
	if (strcmp(json_str_or(inst->desired, "driver", ""), "overlay") == 0) {
		tree = image_rootfs(b->images, fingerprint);
		argv_pushf(argv, "--lower=%s", tree);
	} else if (b->probe->idmapped_mounts) {
		argv_push(argv, "--unshifted");
	}
	instance_expand(b, inst->desired, &config, &devices);
	idmap_of(b, config, &base, &size);
	if (size > 0)
		argv_pushf(argv, "--idmap=%u:%u", base, size);
	else
		argv_push(argv, "--idmap=none");
	return 0;
}

int file_push_helper(struct berthd *b, const char *name, const char *program, struct argv *argv, struct error *err)
{
	const struct instance *inst = registry_find(b->registry, name, err);

	if (inst == NULL)
		return -1;
	argv_pushf(argv, "%s/%s", b->settings->libexec_dir, program);
	if (inst->pid > 0)
		argv_pushf(argv, "--pid=%d", (int)inst->pid);
	else if (instance_active(inst))
		return error_set(err, ERROR_CONFLICT, "'%s' is just starting or stopping", name);
	else if (file_push_stopped(b, inst, argv, err) < 0)
		return -1;
	return 0;
}

static int push_arguments(const struct file_session *s, struct argv *argv, struct error *err)
{
	if (file_push_helper(s->b, s->name, "berth-file", argv, err) < 0)
		return -1;
	for (size_t i = 0; i < s->verb.n; i++)
		argv_push(argv, s->verb.v[i]);
	return 0;
}

static void spec_init(struct proc_spec *spec, const struct argv *argv, const struct file_session *s)
{
	*spec = (struct proc_spec){
		.argv = (const char *const *)argv->v, .use_stdin_fd = true, .stdin_fd = s->child_fd,
	};
}

/* ---- of a running instance */

static void proc_ended_cb(const struct proc_result *result, void *data)
{
	struct error err = ERROR_INIT;

	(void)proc_check("berth-file", result, &err);
	session_end(data, &err);
}

static int start_now(struct file_session *s, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec;

	if (push_arguments(s, &argv, err) < 0)
		return -1;
	spec_init(&spec, &argv, s);
	spec.on_exit = proc_ended_cb;
	spec.data = s;
	s->proc = proc_start(s->b->loop, &spec, err);
	if (s->proc == NULL)
		return -1;
	drop_child_fd(s);
	return 0;
}

/* ---- of a stopped one: an operation, which has the instance to itself */

static enum op_result step_run(struct op *op, struct error *err)
{
	struct file_session *s = op_attached(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec;
	enum op_result result;

	if (s->closed)
		return OP_DONE; /* its client left while it waited */
	if (push_arguments(s, &argv, err) < 0)
		return OP_FAIL;
	spec_init(&spec, &argv, s);
	result = op_child_spec(op, &spec, NULL, err);
	drop_child_fd(s);
	return result;
}

static const struct op_step file_steps[] = { { "run", step_run, NULL, LONGEST_S, 0 }, { 0 } };

static const struct op_kind file_kind = {
	.name = "file",
	.description = "Accessing files",
	.steps = file_steps,
	.load = work_load,
	.unload = work_unload,
	.volatile_ = true,
	.coordinator = true, /* mostly waits for its client */
};

/* The operation goes: if without its end, berthd ends. */
static void op_gone_cb(void *data)
{
	struct file_session *s = data;

	if (s->op)
		session_free(s);
}

static void op_ended_cb(struct op *op, void *data)
{
	struct file_session *s = data;
	const struct error err = *op_error(op);

	s->op = false;
	op_attach(op, NULL, NULL);
	session_end(s, &err);
}

static int start_in_turn(struct file_session *s, struct error *err)
{
	cJSON *args = cJSON_CreateObject();
	struct op *op;

	if (find_long(s->b, s->name) != NULL) {
		cJSON_Delete(args);
		return error_set(err, ERROR_CONFLICT, "the files of '%s' are mounted over SFTP, and it is stopped: end that, or start it",
				 s->name);
	}
	json_set_str(args, "name", s->name);
	op = work_start(s->b, &file_kind, args, err);
	if (op == NULL)
		return -1;
	if (strcmp(s->verb.v[0], "sftp") == 0) {
		s->is_long = true;
		s->next = s->b->long_sessions;
		s->b->long_sessions = s;
	}
	s->op = true;
	op_attach(op, s, op_gone_cb);
	(void)op_on_end(op, op_ended_cb, s);
	return 0;
}

/* ---- all */

static int make_sockets(struct file_session *s, struct error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return error_sys(err, errno, "cannot make a socket");
	s->fd = fds[0];
	s->child_fd = fds[1];
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, errno, "cannot set up a socket");
	return 0;
}

struct file_session *file_session_open(struct berthd *b, const char *name, struct argv *verb, file_session_cb cb, void *data,
				       struct error *err)
{
	const struct instance *inst = registry_find(b->registry, name, err);
	struct file_session *s;

	if (inst == NULL) {
		argv_clear(verb);
		return NULL;
	}
	s = mem_alloc(sizeof(*s));
	s->b = b;
	s->name = mem_strdup(name);
	s->fd = s->child_fd = -1;
	s->verb = *verb;
	*verb = (struct argv)ARGV_INIT;
	s->cb = cb;
	s->data = data;
	if (make_sockets(s, err) < 0 || (inst->pid > 0 ? start_now(s, err) : start_in_turn(s, err)) < 0) {
		session_free(s);
		return NULL;
	}
	return s;
}

int file_session_fd(const struct file_session *s)
{
	return s->fd;
}

void file_session_forget(struct file_session *s)
{
	s->cb = NULL;
}

bool file_session_watch(struct file_session *s, file_session_cb cb, void *data)
{
	s->cb = cb;
	s->data = data;
	return !s->ended;
}

int file_session_hand_over(struct file_session *s, int fd, const void *early, size_t len)
{
	char space[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec mark = { .iov_base = (char[]){ 0 }, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &mark, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	unsigned char head[CHUNK_HEAD];

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	chunk_head(head, (uint32_t)len);
	if (sendmsg(s->fd, &msg, MSG_NOSIGNAL) != 1 || send(s->fd, head, sizeof(head), MSG_NOSIGNAL) != (ssize_t)sizeof(head))
		return -1;
	return len == 0 || send(s->fd, early, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static void hang_up(struct file_session *s)
{
	if (s->fd >= 0)
		shutdown(s->fd, SHUT_RDWR); /* the program sees that, and ends */
}

void file_session_make_way(struct berthd *b, const char *name)
{
	struct file_session *s = find_long(b, name);

	if (s != NULL)
		hang_up(s);
}

void file_sessions_end(struct berthd *b)
{
	for (struct file_session *s = b->long_sessions; s != NULL; s = s->next)
		hang_up(s);
}

void file_session_close(struct file_session *s)
{
	s->closed = true;
	close(s->fd); /* the program sees that, and ends */
	s->fd = -1;
	if (s->proc == NULL && !s->op)
		session_free(s);
	else if (s->proc != NULL)
		proc_terminate(s->proc);
}

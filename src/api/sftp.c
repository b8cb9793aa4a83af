/* SPDX-License-Identifier: MIT */
/*
 * GET /1.0/instances/{name}/sftp with "Upgrade: sftp": the connection goes to `berth-file sftp`, which has opened the
 * instance before the 101: what is wrong with that is said in HTTP. No byte of a session passes through berthd.
 */
#include <stdlib.h>
#include <string.h>

#include "api/file_talk.h"
#include "api/request.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/file.h"

struct sftp_session {
	struct request *request;  /* until its reply */
	struct file_talk *talk;   /* until the program's answer */
	struct file_session *session; /* after it */
	struct raw_connection *connection;
};

static void open_cb(struct raw_connection *c, int fd, const void *extra, size_t len, void *data);
static void close_cb(struct raw_connection *c, void *data);

static const struct raw_handler raw = { open_cb, close_cb };

static void close_cb(struct raw_connection *c, void *data)
{
	struct sftp_session *s = data;

	file_session_close(s->session);
	free(s);
}

static void ended_cb(const struct error *err, void *data)
{
	struct sftp_session *s = data;

	if (err->code != ERROR_NONE)
		log_debug("an SFTP session ended: %s", err->msg);
	raw_close(s->connection);
	close_cb(NULL, s);
}

static void open_cb(struct raw_connection *c, int fd, const void *extra, size_t len, void *data)
{
	struct sftp_session *s = data;

	s->connection = c;
	if (!file_session_watch(s->session, ended_cb, s) || file_session_hand_over(s->session, fd, extra, len) < 0)
		raw_end_soon(c);
}

static void answer_cb(const cJSON *head, const struct error *err, void *data)
{
	struct sftp_session *s = data;
	struct request *r = s->request;

	request_on_gone(r, NULL);
	if (head == NULL) {
		reply_error(r, err);
		file_talk_close(s->talk);
		free(s);
		return;
	}
	s->session = file_talk_take(s->talk);
	reply_raw(r, "sftp", &raw, s);
}

static void gone(struct request *r)
{
	struct sftp_session *s = request_data(r);

	file_talk_close(s->talk);
	free(s);
}

static void get_sftp(struct request *r)
{
	static const struct file_talk_handler handler = { answer_cb, NULL };
	const char *upgrade = request_header(r, "Upgrade");
	struct error err = ERROR_INIT;
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct sftp_session *s;

	if (request_instance(r) == NULL)
		return;
	if (upgrade == NULL || strcmp(upgrade, "sftp") != 0) {
		reply_errorf(r, ERROR_INVALID, "Missing or invalid upgrade header");
		return;
	}
	argv_pushl(&argv, "sftp", "/", NULL);
	s = mem_alloc(sizeof(*s));
	s->request = r;
	s->talk = file_talk_open(request_berthd(r), request_param(r, "name"), &argv, &handler, s, &err);
	if (s->talk == NULL) {
		free(s);
		reply_error(r, &err);
		return;
	}
	request_set_data(r, s);
	request_on_gone(r, gone);
}

const struct route sftp_routes[] = {
	{ "GET", "/1.0/instances/{name}/sftp", get_sftp, NULL },
	{ .method = NULL },
};

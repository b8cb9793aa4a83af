/* SPDX-License-Identifier: MIT */
/* One talk with berth-file (instance/file.h): what it is told goes out as it takes it, its answer comes once. */
#ifndef BERTH_API_FILE_TALK_H
#define BERTH_API_FILE_TALK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/argv.h"
#include "base/error.h"
#include "berthd.h"

struct file_talk;
struct file_session;

struct file_talk_handler {
	/* "status" was 200: head says the rest. Else head is NULL and err says why; nothing follows. Once. */
	void (*on_answer)(const cJSON *head, const struct error *err, void *data);
	void (*on_drain)(void *data); /* all that was sent is out again; may be NULL */
};

/* verb: as file_session_open(). NULL with err. */
struct file_talk *file_talk_open(struct berthd *b, const char *name, struct argv *verb, const struct file_talk_handler *handler,
				 void *data, struct error *err);
/* A chunk; len 0: the end. false: some of it waits, on_drain follows. */
bool file_talk_send(struct file_talk *t, const void *bytes, size_t len);
/* In on_answer: the session, for who reads what follows the answer; the talk is over. */
struct file_session *file_talk_take(struct file_talk *t);
void file_talk_close(struct file_talk *t); /* no callback from now on */

#endif

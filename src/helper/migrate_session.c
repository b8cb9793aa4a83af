/* SPDX-License-Identifier: MIT */
#include "helper/migrate_session.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/argv.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "base/text.h"
#include "helper/migrate_confined.h"
#include "helper/migrate_rsync.h"
#include "helper/migrate_unshift.h"
#include "helper/migrate_wire.h"
#include "helper/rootfs_mount.h"
#include "helper/rootfs_sys.h"
#include "helper/unpack_parts.h"

enum { TALK_MS = 60 * 1000, LAST_WORDS_MS = 3000, DONE_MS = 6 * 3600 * 1000, HEADER_MAX = 64 * 1024 * 1024,
       INDEX_MAX = 64 * 1024 * 1024, ANSWER_MAX = 64 * 1024, INDEX_VERSION = 1, HTTP_OK = 200 };

/* ---- the control connection */

static int send_header(const struct session *s, const cJSON *header, struct error *err)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	migrate_header_write(header, &out);
	return channel_send(s->control, false, out.buf, out.len, TALK_MS, err);
}

static cJSON *header_or_refusal(const void *data, size_t len, struct error *err)
{
	struct error ignored = ERROR_INIT;
	cJSON *v = migrate_header_read(data, len, err);
	/* a refusal can be read as a header, too; but no header has text where a refusal has it */
	AUTO_JSON cJSON *control = migrate_control_read(data, len, &ignored);

	if (control == NULL || json_bool(control, "success", true) || json_str_or(control, "message", "")[0] == '\0')
		return v;
	cJSON_Delete(v);
	error_clear(err);
	error_set(err, ERROR_TOOL, "%.500s", json_str(control, "message"));
	return NULL;
}

static cJSON *receive_header(const struct session *s, struct error *err)
{
	AUTO_STRBUF struct strbuf in = STRBUF_INIT;

	if (channel_receive(s->control, HEADER_MAX, &in, TALK_MS, err) < 0)
		return NULL;
	return confined_parse(header_or_refusal, in.buf, in.len, err);
}

static int send_control(struct channel *control, bool success, const char *message, struct error *err)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	migrate_control_write(success, message, &out);
	return channel_send(control, false, out.buf, out.len, TALK_MS, err);
}

int migrate_say_done(struct channel *control, struct error *err)
{
	return send_control(control, true, "", err);
}

/* 0: it went well */
static int receive_control(const struct session *s, int timeout_ms, struct error *err)
{
	AUTO_STRBUF struct strbuf in = STRBUF_INIT;
	AUTO_JSON cJSON *v = NULL;

	if (channel_receive(s->control, ANSWER_MAX, &in, timeout_ms, err) < 0)
		return -1;
	v = confined_parse(migrate_control_read, in.buf, in.len, err);
	if (v == NULL)
		return -1;
	return json_bool(v, "success", false) ? 0 : error_set(err, ERROR_TOOL, "%.900s", json_str_or(v, "message", ""));
}

/* Something failed: if the other side has said why, that is the reason; else it is told ours. */
static int abort_it(const struct session *s, struct error *err)
{
	struct error theirs = ERROR_INIT, ignored = ERROR_INIT;

	if (s->fs->broken && !s->control->broken && receive_control(s, LAST_WORDS_MS, &theirs) < 0 &&
	    theirs.code == ERROR_TOOL && !s->control->broken) {
		*err = theirs;
		return -1;
	}
	if (!s->control->broken)
		(void)send_control(s->control, false, err->msg, &ignored);
	return -1;
}

/* ---- the description of the instance */

static cJSON *index_answer(const void *data, size_t len, struct error *err)
{
	return json_parse(data, len, err);
}

static int send_index(const struct session *s, const cJSON *index, struct error *err)
{
	AUTO_FREE char *text = json_text(index);
	AUTO_STRBUF struct strbuf in = STRBUF_INIT;
	AUTO_JSON cJSON *answer = NULL;
	int64_t code;

	if (channel_send(s->fs, false, text, strlen(text), TALK_MS, err) < 0 || channel_send(s->fs, true, "", 0, TALK_MS, err) < 0 ||
	    channel_receive_stream(s->fs, ANSWER_MAX, &in, TALK_MS, err) < 0)
		return -1;
	answer = confined_parse(index_answer, in.buf, in.len, err);
	if (answer == NULL)
		return error_wrap(err, "Failed decoding migration index header response");
	code = json_int(answer, "StatusCode", 0);
	return code == HTTP_OK ? 0 : error_set(err, ERROR_TOOL, "Failed negotiating migration options: %.500s",
					       json_str_or(answer, "Error", ""));
}

static int receive_index(const struct session *s, bool refresh, struct error *err)
{
	AUTO_STRBUF struct strbuf in = STRBUF_INIT;
	AUTO_JSON cJSON *answer = cJSON_CreateObject();
	AUTO_FREE char *text = NULL;

	/* nothing in it that the header has not said already */
	if (channel_receive_stream(s->fs, INDEX_MAX, &in, TALK_MS, err) < 0)
		return error_wrap(err, "Failed reading migration index header");
	json_set_int(answer, "StatusCode", HTTP_OK);
	json_set_str(answer, "Error", "");
	json_set_bool(answer, "Refresh", refresh);
	text = json_text(answer);
	if (channel_send(s->fs, false, text, strlen(text), TALK_MS, err) < 0)
		return -1;
	return channel_send(s->fs, true, "", 0, TALK_MS, err);
}

/* ---- the source */

static cJSON *make_offer(const cJSON *spec)
{
	cJSON *v = cJSON_Duplicate(json_obj(spec, "offer"), true), *rsync = cJSON_AddObjectToObject(v, "rsync");

	json_set_int(v, "fs", MIGRATE_FS_RSYNC);
	json_set_bool(rsync, "xattrs", true);
	json_set_bool(rsync, "delete", true);
	json_set_bool(rsync, "compress", true);
	json_set_bool(rsync, "bidirectional", true);
	json_set_int(v, "index_version", INDEX_VERSION);
	return v;
}

static uid_t facts_owner;

static int chown_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return lchown(path, facts_owner, facts_owner);
}

/* What berthd wrote there is root's: of the instance, when it is seen by the instance's root. */
static int give_facts(const char *dir, uint32_t owner, struct error *err)
{
	facts_owner = owner;
	return nftw(dir, chown_cb, 16, FTW_PHYS | FTW_MOUNT) == 0 ? 0 : error_sys(err, errno, "cannot change the owner of '%s'", dir);
}

static int view_tree(const cJSON *tree, struct jail *jail, struct error *err)
{
	const struct idmap none = { 0 };
	const char *lower = json_str(tree, "lower"), *dir = json_str_or(tree, "dir", "");
	AUTO_FREE char *rootfs = mem_printf("%s/rootfs", dir);

	if (json_bool(tree, "plain", false)) {
		jail->data = json_str_or(tree, "data", "");
		jail->readonly = true;
		return 0;
	}
	jail->map = (struct idmap){ .base = (uint32_t)json_int(tree, "base", 0), .size = (uint32_t)json_int(tree, "size", 0) };
	jail->data = json_str_or(tree, "data", "");
	jail->readonly = true;
	if (jail->map.size > 0 && give_facts(jail->data, jail->map.base, err) < 0)
		return -1;
	jail->rootfs = lower != NULL ? rootfs_view(dir, lower, &jail->map, err) :
				       idmap_open_tree(rootfs, &none, MOUNT_ATTR_RDONLY, err);
	return jail->rootfs < 0 ? -1 : 0;
}

static int send_tree(const struct session *s, const cJSON *tree, const cJSON *features, struct error *err)
{
	struct jail jail = { .rootfs = -1 };
	const struct transfer t = { .channel = s->fs, .jail = &jail, .features = features, .name = json_str_or(tree, "title", ""),
				    .may_vanish = json_bool(s->spec, "inconsistent", false) };
	int rc = view_tree(tree, &jail, err);

	if (rc == 0)
		rc = migrate_rsync_send(&t, err);
	if (jail.rootfs >= 0)
		close(jail.rootfs);
	return rc;
}

static bool holds(const cJSON *names, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, names)
		if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
			return true;
	return false;
}

static int send_trees(const struct session *s, const cJSON *answer, struct error *err)
{
	AUTO_JSON cJSON *features = migrate_rsync_features(json_obj(answer, "rsync"));
	bool some = json_bool(answer, "refresh", false);
	const cJSON *tree;

	cJSON_ArrayForEach(tree, json_arr(s->spec, "trees")) {
		if (some && tree->next != NULL && !holds(json_arr(answer, "names"), json_str_or(tree, "name", "")))
			continue;
		if (send_tree(s, tree, features, err) < 0)
			return -1;
	}
	return 0;
}

/* A refresh is told of the snapshots that come only. */
static cJSON *index_for(const struct session *s, const cJSON *answer)
{
	cJSON *v = cJSON_Duplicate(json_obj(s->spec, "index"), true);
	cJSON *list = json_arr(json_obj(v, "Config"), "VolumeSnapshots"), *item, *next;

	for (item = list != NULL && json_bool(answer, "refresh", false) ? list->child : NULL; item != NULL; item = next) {
		next = item->next;
		if (!holds(json_arr(answer, "names"), json_str_or(item, "name", "")))
			cJSON_Delete(cJSON_DetachItemViaPointer(list, item));
	}
	return v;
}

static int send_all(const struct session *s, struct error *err)
{
	AUTO_JSON cJSON *offer = make_offer(s->spec);
	AUTO_JSON cJSON *answer = NULL;
	AUTO_JSON cJSON *index = NULL;

	if (send_header(s, offer, err) < 0)
		return -1;
	answer = receive_header(s, err);
	if (answer == NULL)
		return -1;
	if (json_int(answer, "fs", -1) != MIGRATE_FS_RSYNC)
		return error_set(err, ERROR_UNSUPPORTED, "Failed to negotiate migration type: the target wants another than rsync");
	index = index_for(s, answer);
	if (json_int(answer, "index_version", 0) > 0 && send_index(s, index, err) < 0)
		return -1;
	return send_trees(s, answer, err);
}

int migrate_send(const struct session *s, struct error *err)
{
	return send_all(s, err) < 0 ? abort_it(s, err) : receive_control(s, DONE_MS, err);
}

/* ---- the target */

/* Those that are there already, made at the same time, need not come. */
static bool have(const cJSON *spec, const cJSON *snapshot)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(spec, "have"))
		if (strcmp(json_str_or(item, "name", ""), json_str_or(snapshot, "name", "")) == 0 &&
		    (json_bool(spec, "by_name", false) || json_int(item, "created", -1) == json_int(snapshot, "created", -2)))
			return true;
	return false;
}

/* They are shown, and become names of folders: berthd looks at them again (name_validate_snapshot()). */
static int check_names(const cJSON *snapshots, struct error *err)
{
	struct strmap *seen = strmap_new(NULL);
	const cJSON *item;

	cJSON_ArrayForEach(item, snapshots) {
		const char *name = json_str_or(item, "name", "");

		if (name[0] == '\0' || strchr(name, '/') != NULL || !text_is_line(name))
			error_set(err, ERROR_INVALID, "the source has a snapshot whose name is no name of a snapshot");
		else if (strmap_get(seen, name) != NULL)
			error_set(err, ERROR_INVALID, "the source has snapshot '%.64s' twice", name);
		if (err->code != ERROR_NONE)
			break;
		strmap_put(seen, name, seen);
	}
	strmap_free(seen);
	return err->code != ERROR_NONE ? -1 : 0;
}

cJSON *migrate_answer(const cJSON *offer, const cJSON *spec, struct error *err)
{
	bool refresh = json_bool(spec, "refresh", false);
	cJSON *v = cJSON_CreateObject(), *answer = cJSON_AddObjectToObject(v, "answer");
	cJSON *wanted = cJSON_AddArrayToObject(v, "wanted"), *names = cJSON_AddArrayToObject(answer, "names");
	const cJSON *snapshot;

	if (json_int(offer, "criu", MIGRATE_CRIU_NONE) != MIGRATE_CRIU_NONE)
		error_set(err, ERROR_UNSUPPORTED, "Unable to perform container live migration. CRIU isn't installed on the destination "
						  "server");
	else if (cJSON_GetArraySize(json_arr(offer, "names")) != cJSON_GetArraySize(json_arr(offer, "snapshots")))
		error_set(err, ERROR_UNSUPPORTED, "the source is too old: it says nothing of its snapshots but their names");
	else
		(void)check_names(json_arr(offer, "snapshots"), err);
	if (err->code != ERROR_NONE) {
		cJSON_Delete(v);
		return NULL;
	}
	cJSON_ArrayForEach(snapshot, json_arr(offer, "snapshots")) {
		if (refresh && have(spec, snapshot))
			continue;
		cJSON_AddItemToArray(names, cJSON_CreateString(json_str_or(snapshot, "name", "")));
		cJSON_AddItemToArray(wanted, cJSON_Duplicate(snapshot, true));
	}
	json_set_int(answer, "fs", MIGRATE_FS_RSYNC);
	if (cJSON_HasObjectItem(offer, "criu"))
		json_set_int(answer, "criu", MIGRATE_CRIU_NONE);
	json_set(answer, "snapshots", cJSON_Duplicate(wanted, true));
	json_set(answer, "rsync", migrate_rsync_features(json_obj(offer, "rsync")));
	json_set_bool(answer, "refresh", refresh);
	json_set_int(answer, "index_version", json_int(offer, "index_version", 0) > 0 ? INDEX_VERSION : 0);
	return v;
}

/* The tree that comes: below the data, or the data itself. */
static const char *tree_of(const struct session *s)
{
	return json_str_or(s->spec, "rootfs", json_str_or(s->spec, "data", ""));
}

static int receive_tree(const struct session *s, const cJSON *features, const char *title, struct error *err)
{
	const struct idmap none = { 0 };
	struct jail jail = { .data = json_str_or(s->spec, "data", ""), .rootfs = -1 };
	const struct transfer t = { .channel = s->fs, .jail = &jail, .features = features, .name = title };
	int rc;

	if (json_str(s->spec, "rootfs") == NULL)
		return migrate_rsync_receive(&t, err);
	jail.rootfs = idmap_open_tree(json_str(s->spec, "rootfs"), &none, 0, err);
	if (jail.rootfs < 0)
		return -1;
	rc = migrate_rsync_receive(&t, err);
	close(jail.rootfs);
	return rc;
}

/* The tree as it is now becomes a snapshot's; what comes next changes it. */
static int keep_tree(const struct session *s, int number, struct error *err)
{
	AUTO_FREE char *from = mem_printf("%s/.", tree_of(s));
	AUTO_FREE char *to = mem_printf("%s/%d", json_str_or(s->spec, "snapshots", ""), number);
	const char *const argv[] = { "cp", "-a", "--reflink=auto", "--sparse=auto", "--", from, to, NULL };
	int status;
	pid_t pid;

	if (mkdir(to, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", to);
	pid = part_fork();
	if (pid == 0)
		part_become(argv, STDIN_FILENO, STDERR_FILENO, STDERR_FILENO);
	status = part_wait(pid);
	return status == 0 ? 0 : error_set(err, ERROR_TOOL, "cannot copy '%s' to '%s'", from, to);
}

static int receive_trees(const struct session *s, const cJSON *answer, struct error *err)
{
	const cJSON *features = json_obj(answer, "rsync"), *name;
	const char *title = json_str_or(s->spec, "title", "");
	bool twice = json_int(answer, "criu", -1) == MIGRATE_CRIU_NONE; /* the source runs, and stands still only the second time */
	int number = 0;

	cJSON_ArrayForEach(name, json_arr(answer, "names")) {
		AUTO_FREE char *of_snapshot = mem_printf("%s/%s", title, name->valuestring);

		if (receive_tree(s, features, of_snapshot, err) < 0 || keep_tree(s, number++, err) < 0)
			return -1;
	}
	if (receive_tree(s, features, title, err) < 0)
		return -1;
	return twice ? receive_tree(s, features, title, err) : 0;
}

static cJSON *map_from(const char *text, const cJSON *otherwise, struct error *err)
{
	return text != NULL && text[0] != '\0' ? json_parse(text, strlen(text), err) : cJSON_Duplicate(otherwise, true);
}

static int settle_tree(const struct session *s, const char *tree, const cJSON *map, struct error *err)
{
	if (map == NULL || (!json_bool(s->spec, "devices", false) && migrate_drop_devices(tree, err) < 0))
		return -1;
	return migrate_unshift(tree, map, err);
}

/* A snapshot may have been made before the first start, or after a change of the map. */
static int settle_all(const struct session *s, const cJSON *offer, struct error *err)
{
	AUTO_JSON cJSON *own = map_from(json_str(s->spec, "idmap"), json_arr(offer, "idmap"), err);
	const cJSON *snapshot;
	int number = 0;

	cJSON_ArrayForEach(snapshot, json_arr(offer, "snapshots")) {
		AUTO_FREE char *tree = mem_printf("%s/%d", json_str_or(s->spec, "snapshots", ""), number++);
		const cJSON *config = json_obj(snapshot, "config");
		const char *last = json_str(config, "volatile.idmap.last"); /* of a volume */
		AUTO_JSON cJSON *map = map_from(last != NULL ? last : json_str(config, "volatile.last_state.idmap"), own, err);

		if (settle_tree(s, tree, map, err) < 0)
			return -1;
	}
	return settle_tree(s, tree_of(s), own, err);
}

static int receive_all(const struct session *s, struct error *err)
{
	AUTO_JSON cJSON *offer = receive_header(s, err);
	AUTO_JSON cJSON *both = offer != NULL ? migrate_answer(offer, s->spec, err) : NULL;
	const cJSON *answer = json_obj(both, "answer");

	if (both == NULL)
		return error_wrap(err, "Failed receiving migration offer header");
	json_set(offer, "all_names", cJSON_Duplicate(json_arr(offer, "names"), true));
	json_set(offer, "all", cJSON_Duplicate(json_arr(offer, "snapshots"), true));
	json_set(offer, "snapshots", cJSON_Duplicate(json_arr(both, "wanted"), true));
	if (json_write_file(json_str_or(s->spec, "header", ""), offer, JSON_QUICK, err) < 0 || send_header(s, answer, err) < 0)
		return -1;
	if (json_int(answer, "index_version", 0) > 0 && receive_index(s, json_bool(answer, "refresh", false), err) < 0)
		return -1;
	return receive_trees(s, answer, err) < 0 ? -1 : settle_all(s, offer, err);
}

int migrate_receive(const struct session *s, struct error *err)
{
	if (receive_all(s, err) < 0)
		return abort_it(s, err);
	return json_bool(s->spec, "silent", false) ? 0 : migrate_say_done(s->control, err);
}

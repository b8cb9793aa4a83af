/* SPDX-License-Identifier: MIT */
/* The crash journal of operations: one file each, see op.h. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "proc/op_private.h"

static char *journal_path(const struct op *op)
{
	return mem_printf("%s/%s.json", op->q->journal_dir, op->id);
}

int op_journal_save(struct op *op, enum json_write how, struct error *err)
{
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	AUTO_FREE char *path = journal_path(op);
	cJSON *locks = cJSON_AddArrayToObject(v, "locks");

	json_set_str(v, "id", op->id);
	json_set_str(v, "kind", op->kind->name);
	json_set_str(v, "step", op->kind->steps[op->step].name);
	json_set_bool(v, "committed", op->committed);
	for (char **l = op->locks; *l != NULL; l++)
		cJSON_AddItemToArray(locks, cJSON_CreateString(*l));
	if (op->resources != NULL)
		json_set(v, "resources", cJSON_Duplicate(op->resources, true));
	if (op->origin != NULL)
		cJSON_AddItemReferenceToObject(v, "origin", op->origin);
	cJSON_AddItemReferenceToObject(v, "args", op->args);
	if (json_write_file(path, v, how, err) == 0) {
		op->journalled = true;
		return 0;
	}
	if (op->kind->frees && op_reserve_use(op->q, err)) {
		error_clear(err);
		return op_journal_save(op, how, err);
	}
	return error_wrap(err, "cannot write the journal");
}

int op_save(struct op *op, struct error *err)
{
	return op->kind->volatile_ ? 0 : op_journal_save(op, JSON_DURABLE, err);
}

int op_save_quick(struct op *op, struct error *err)
{
	return op->kind->volatile_ ? 0 : op_journal_save(op, JSON_QUICK, err);
}

void op_journal_remove(struct op *op)
{
	AUTO_FREE char *path = NULL;

	if (!op->journalled)
		return;
	path = journal_path(op);
	if (unlink(path) < 0 && errno != ENOENT)
		log_error("cannot remove the journal entry '%s': %s", path, strerror(errno));
	op->journalled = false;
}

static const struct op_kind *find_kind(const struct op_queue *q, const char *name)
{
	for (size_t i = 0; name != NULL && i < q->n_kinds; i++)
		if (strcmp(q->kinds[i]->name, name) == 0)
			return q->kinds[i];
	return NULL;
}

static int find_step(const struct op_kind *kind, const char *name, size_t *ret)
{
	for (size_t i = 0; name != NULL && kind->steps[i].name != NULL; i++) {
		if (strcmp(kind->steps[i].name, name) != 0)
			continue;
		*ret = i;
		return 0;
	}
	return -1;
}

static void recover_locks(struct op *op, const cJSON *v)
{
	const cJSON *list = json_arr(v, "locks");
	const char **locks = mem_alloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof(*locks));
	const cJSON *item;
	size_t n = 0;

	cJSON_ArrayForEach(item, list)
		if (cJSON_IsString(item))
			locks[n++] = item->valuestring;
	op_set_locks(op, locks);
	free(locks);
}

static int recover_one(struct op_queue *q, const cJSON *v, struct error *err)
{
	const struct op_kind *kind = find_kind(q, json_str(v, "kind"));
	const char *id = json_str(v, "id");
	struct op *op;
	size_t step = 0;

	if (kind == NULL || id == NULL || strlen(id) != UUID_TEXT_SIZE - 1)
		return error_set(err, ERROR_INVALID, "unknown kind of operation '%s'",
				 json_str_or(v, "kind", ""));
	if (find_step(kind, json_str(v, "step"), &step) < 0)
		return error_set(err, ERROR_INVALID, "operation '%s' has no step '%s'", kind->name,
				 json_str_or(v, "step", ""));
	op = op_new(q, kind, cJSON_Duplicate(json_obj(v, "args"), true));
	memcpy(op->id, id, UUID_TEXT_SIZE);
	op->recovering = true;
	op->journalled = true;
	op->step = step;
	op->committed = json_bool(v, "committed", false) || (kind->steps[step].flags & OP_COMMIT) != 0;
	op->resources = cJSON_Duplicate(json_obj(v, "resources"), true);
	op->origin = cJSON_Duplicate(json_obj(v, "origin"), true);
	recover_locks(op, v);
	if (kind->load != NULL && (op->data = kind->load(q->ctx, op->args, err)) == NULL) {
		op_discard(op);
		return error_wrap(err, "operation '%s'", kind->name);
	}
	if (!op->committed)
		error_set(&op->err, ERROR_CANCELLED, "berthd ended during step '%s'; the operation was undone",
			  kind->steps[step].name);
	log_info("operation %s (%s) was interrupted at '%s': %s", op->id, kind->name, kind->steps[step].name,
		 op->committed ? "finishing it" : "undoing it");
	op_insert(op);
	return 0;
}

int op_journal_recover(struct op_queue *q, const char *id, struct error *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s.json", q->journal_dir, id);
	AUTO_JSON cJSON *v = json_read_file(path, err);

	return v == NULL ? -1 : recover_one(q, v, err);
}

/* An entry that cannot be understood is kept for a person under another name. */
static void set_aside(const char *path, const struct error *err)
{
	AUTO_FREE char *bad = mem_printf("%s.bad", path);

	log_error("journal entry '%s' set aside as '%s': %s", path, bad, err->msg);
	if (rename(path, bad) < 0)
		log_error("cannot rename '%s': %s", path, strerror(errno));
}

/* The power went before a record that may be lost so was on disk. */
static bool is_lost(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0 && unlink(path) == 0;
}

static bool is_entry(const char *name)
{
	size_t len = strlen(name);

	return len == UUID_TEXT_SIZE - 1 + 5 && strcmp(name + len - 5, ".json") == 0;
}

int op_queue_recover(struct op_queue *q, struct error *err)
{
	DIR *dir = opendir(q->journal_dir);
	struct dirent *d;
	int n = 0;

	if (dir == NULL)
		return error_sys(err, errno, "cannot read the journal '%s'", q->journal_dir);
	while ((d = readdir(dir)) != NULL) {
		AUTO_FREE char *path = fs_join(q->journal_dir, d->d_name);
		struct error bad = ERROR_INIT;
		AUTO_JSON cJSON *v = NULL;

		if (!is_entry(d->d_name)) {
			/* a write that was cut short leaves its temporary file */
			if (d->d_name[0] == '.' && strstr(d->d_name, ".tmp") != NULL)
				(void)unlink(path);
			continue;
		}
		if (is_lost(path))
			continue;
		v = json_read_file(path, &bad);
		if (v == NULL || recover_one(q, v, &bad) < 0)
			set_aside(path, &bad);
		else
			n++;
	}
	closedir(dir);
	return n;
}

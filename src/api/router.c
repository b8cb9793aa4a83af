/* SPDX-License-Identifier: MIT */
/*
 * From a request to its row. Of the patterns that fit a path the one with the
 * most literal segments counts ("/1.0/images/aliases" before
 * "/1.0/images/{fingerprint}"), whatever the order of the tables.
 */
#include "api/router.h"

#include <stdlib.h>
#include <string.h>

#include "api/access.h"
#include "api/host_module.h"
#include "api/request.h"
#include "api/peer.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/host.h"

#define QUERY_MAX 32 /* parameters in one query; more is nobody's mistake */

static const struct route *const tables[] = {
	backup_routes,
	certificate_routes, project_routes, warning_routes,
	server_routes, operation_routes, event_routes, image_routes, profile_routes, instance_routes,
	volume_routes,
	snapshot_routes,
	hook_routes, password_routes,
	terminal_routes,
	backup_restore_routes,
	instance_metadata_routes,
	host_routes,
	network_routes, forward_routes, exec_routes, console_routes, log_routes,
	storage_routes, storage_volume_routes, storage_volume_backup_routes, storage_snapshot_routes,
	host_module_routes,
	file_routes, sftp_routes,
};

/* One path segment: from *p (just behind a '/') to the next '/' or the end. */
static size_t segment_len(const char *p)
{
	return strcspn(p, "/");
}

static bool segment_is_param(const char *pattern)
{
	return *pattern == '{';
}

/* "{name*}" at the end is all the rest. */
static size_t value_len(const char *pattern, size_t n, const char *path)
{
	return pattern[n] == '\0' && n > 2 && pattern[n - 2] == '*' ? strlen(path) : segment_len(path);
}

/*
 * Does the still encoded path have the shape of this pattern? Returns 1 + the
 * number of literal segments, 0 when not.
 */
static unsigned pattern_fits(const char *pattern, const char *path)
{
	unsigned literals = 1;

	while (*pattern == '/' && *path == '/') {
		size_t n = segment_len(++pattern), m = value_len(pattern, n, ++path);

		if (!segment_is_param(pattern)) {
			if (n != m || memcmp(pattern, path, n) != 0)
				return 0;
			literals++;
		} else if (m == 0) {
			return 0;
		}
		pattern += n;
		path += m;
	}
	return *pattern == 0 && *path == 0 ? literals : 0;
}

static bool method_fits(const char *row, const char *method)
{
	return strcmp(row, method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(row, "GET") == 0);
}

/* The row for method and path; *ret_known: there is at least one for the path. */
static const struct route *find(const char *method, const char *path, bool *ret_known)
{
	const struct route *row, *best = NULL;
	unsigned best_fit = 0;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (row = tables[i]; row->method; row++) {
			unsigned fit = pattern_fits(row->pattern, path);

			if (fit == 0 || fit < best_fit)
				continue;
			if (fit > best_fit)
				best = NULL;
			best_fit = fit;
			if (method_fits(row->method, method))
				best = row;
		}
	}
	*ret_known = best_fit > 0;
	return best;
}

/* What a decoded segment may be: a name, never a way to another folder. */
static bool value_is_harmless(const char *s, bool slash_allowed)
{
	return strcmp(s, ".") != 0 && strcmp(s, "..") != 0 && text_is_line(s) && (slash_allowed || strchr(s, '/') == NULL);
}

/* What is none there is told by LXD's words: clients send "c1/snap" as one name. */
static bool names_instance(const char *path)
{
	return strncmp(path, "/1.0/instances/", 15) == 0 || strncmp(path, "/1.0/containers/", 16) == 0;
}

/* So are images: "remote:image/x" asks for an image "image/x". */
static const char *none_of_path(const char *path)
{
	if (strncmp(path, "/1.0/images/aliases/", 20) == 0)
		return "Image alias not found";
	return strncmp(path, "/1.0/images/", 12) == 0 ? "Image not found" : "not found";
}

/* "{name}" or "{name*}" against its segment. */
static int bind_param(struct request *r, const char *pattern, size_t n, const char *segment, size_t m)
{
	struct request_pair *pair = &r->params[r->n_params];
	bool slash_allowed = pattern[n - 2] == '*';
	char *value = uri_decode(segment, m, false);

	if (!value) {
		reply_errorf(r, ERROR_INVALID, "bad percent-encoding in the path '%.200s'", r->path);
		return -1;
	}
	if (!value_is_harmless(value, slash_allowed) || r->n_params == REQUEST_PARAMS_MAX) {
		free(value);
		if (names_instance(r->path))
			reply_errorf(r, ERROR_INVALID, "Invalid instance name");
		else
			reply_errorf(r, ERROR_NOT_FOUND, "%s", none_of_path(r->path));
		return -1;
	}
	pair->key = mem_strndup(pattern + 1, n - (slash_allowed ? 3 : 2));
	pair->value = value;
	r->n_params++;
	return 0;
}

static int bind_params(struct request *r, const char *path)
{
	const char *pattern = r->route->pattern;

	while (*pattern == '/') {
		size_t n = segment_len(++pattern), m = value_len(pattern, n, ++path);

		if (segment_is_param(pattern) && bind_param(r, pattern, n, path, m) < 0)
			return -1;
		pattern += n;
		path += m;
	}
	return 0;
}

static int parse_pair(struct request *r, const char *s, size_t len)
{
	const char *eq = memchr(s, '=', len);
	size_t key_len = eq ? (size_t)(eq - s) : len;
	struct request_pair *pair = &r->query[r->n_query];

	pair->key = uri_decode(s, key_len, true);
	pair->value = eq ? uri_decode(eq + 1, len - key_len - 1, true) : mem_strdup("");
	if (pair->key && pair->value) {
		r->n_query++;
		return 0;
	}
	free(pair->key);
	free(pair->value);
	reply_errorf(r, ERROR_INVALID, "bad percent-encoding in the query '%.*s'",
		     (int)(len < 200 ? len : 200), s);
	return -1;
}

static int parse_query(struct request *r)
{
	const char *s = strchr(r->target, '?');

	if (!s || !*++s)
		return 0;
	r->query = mem_alloc(QUERY_MAX * sizeof(*r->query));
	for (;;) {
		size_t len = strcspn(s, "&");

		if (len && r->n_query == QUERY_MAX) {
			reply_errorf(r, ERROR_INVALID, "more than %d parameters in the query", QUERY_MAX);
			return -1;
		}
		if (len && parse_pair(r, s, len) < 0)
			return -1;
		s += len;
		if (!*s++)
			return 0;
	}
}

/* The path that the tables are asked for: /1.0/containers… is /1.0/instances…. Caller frees. */
static char *canonical_path(struct request *r)
{
	static const char alias[] = "/1.0/containers";
	size_t n = sizeof(alias) - 1;

	if (strncmp(r->path, alias, n) != 0 || (r->path[n] != '/' && r->path[n] != 0))
		return mem_strdup(r->path);
	r->containers = true;
	return mem_printf("/1.0/instances%s", r->path + n);
}

/* The host module has an answer shape of its own, also for what is wrong before its handler runs. */
static void choose_refusal(struct request *r)
{
	for (const struct route *row = host_module_routes; row->method != NULL; row++)
		if (r->route == row)
			r->refuse = host_module_refuse;
}

static bool is_method(const char *text)
{
	static const char *const methods[] = { "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(text, methods[i]) == 0)
			return true;
	return false;
}

static int resolve(struct request *r, const char *path)
{
	bool known;

	r->route = find(r->method, path, &known);
	if (!r->route) {
		if (known && !is_method(r->method))
			reply_errorf(r, ERROR_NOT_FOUND, "Method \"%.16s\" not found", r->method);
		else if (known)
			reply_errorf(r, ERROR_UNSUPPORTED, "not implemented");
		else
			reply_errorf(r, ERROR_NOT_FOUND, "not found");
		return -1;
	}
	if (bind_params(r, path) < 0)
		return -1;
	choose_refusal(r);
	return 0;
}

/* What a stranger may not ask for, he is not told more about. */
static int check_access(struct request *r)
{
	if (access_allowed(r) && access_origin_ok(r))
		return 0;
	reply_errorf(r, ERROR_FORBIDDEN, "not authorized");
	return -1;
}

/* There is one project, on one host. A client that asks for another must not get, or delete, what is in this one. */
static int check_project(struct request *r)
{
	const char *project = request_query(r, "project");

	if (!project || !*project || strcmp(project, "default") == 0)
		return 0;
	reply_errorf(r, ERROR_NOT_FOUND, "Project not found");
	return -1;
}

/* There is one server, whose objects' location is "none": who means another must not get what is done here. */
static int check_target(struct request *r)
{
	const char *target = request_query(r, "target");

	/* "none" is what every object says of its location: clients that copy volumes send it back */
	if (!target || !*target || strcmp(target, "none") == 0)
		return 0;
	reply_errorf(r, ERROR_INVALID, "Target only allowed when clustered");
	return -1;
}

/* An unloaded host is only looked at. Those below /1.0/host/ check for themselves; operations may be cancelled. */
static int check_loaded(struct request *r)
{
	struct error err = ERROR_INIT;

	if (strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0 ||
	    strncmp(r->route->pattern, "/1.0/host/", 10) == 0 ||
	    strncmp(r->route->pattern, "/1.0/operations/", 16) == 0 || host_check_loaded(r->berthd, &err) == 0)
		return 0;
	reply_error(r, &err);
	return -1;
}

/* A browser asks whether it may ask: the headers of the answer tell. As LXD, whatever it asks about. */
static bool is_preflight(const struct request *r)
{
	return strcmp(r->method, "OPTIONS") == 0;
}

bool router_route(struct request *r)
{
	struct error err = ERROR_INIT;
	char *path;
	int ret;

	if (is_preflight(r)) {
		reply_sync(r, NULL);
		return false;
	}
	path = canonical_path(r);
	ret = resolve(r, path);

	free(path);
	if (ret < 0 || check_access(r) < 0 || parse_query(r) < 0 || check_project(r) < 0 || check_target(r) < 0 || check_loaded(r) < 0)
		return false;
	if (r->route->upload && upload_begin(r, &err) < 0) {
		reply_error(r, &err);
		return false;
	}
	return true;
}

/* LXD reads no body where it needs none (Ansible sends "null" with GET). */
static bool body_wanted(const struct request *r)
{
	return strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0 ||
	       strcmp(r->method, "PATCH") == 0;
}

bool request_body_data(struct request *r, const void *data, size_t len, size_t max)
{
	struct error err = ERROR_INIT;

	if (r->upload) {
		if (upload_data(r, data, len, &err) == 0)
			return true;
		upload_abort(r);
		reply_error(r, &err);
		return false;
	}
	if (!body_wanted(r))
		return true;
	if (len > max - r->body.len) {
		strbuf_clear(&r->body);
		reply_errorf(r, ERROR_TOO_LARGE, "the request body is larger than %zu bytes", max);
		return false;
	}
	strbuf_add(&r->body, data, len);
	return true;
}

/* What `lxc query -X POST` sends when it is given no data. */
static bool is_no_data(const struct request *r)
{
	return strcmp(r->method, "POST") == 0 && cJSON_IsString(r->json) && r->json->valuestring[0] == '\0';
}

static int parse_body(struct request *r)
{
	struct error err = ERROR_INIT;

	if (r->body.len == 0 && strcmp(r->method, "PUT") != 0 && strcmp(r->method, "PATCH") != 0)
		return 0;
	if (r->body.len == 0) { /* else a PUT of nothing would take away all that there is */
		reply_errorf(r, ERROR_INVALID, "EOF: the request has no body");
		return -1;
	}
	r->json = json_parse(r->body.buf, r->body.len, &err);
	strbuf_clear(&r->body);
	if (!r->json) {
		err.code = ERROR_INVALID;
		reply_error(r, &err);
		return -1;
	}
	if (cJSON_IsNull(r->json) || is_no_data(r)) {
		cJSON_Delete(r->json);
		r->json = NULL;
	} else if (!cJSON_IsObject(r->json)) {
		reply_errorf(r, ERROR_INVALID, "the request body must be a JSON object");
		return -1;
	}
	if (body_check(r->json, &err) < 0) {
		reply_error(r, &err);
		return -1;
	}
	return 0;
}

void router_dispatch(struct request *r)
{
	log_debug("%s %s from %s", r->method, r->path, r->client ? r->client->address : "the unix socket");
	if (r->upload)
		upload_end(r);
	else if (parse_body(r) == 0)
		r->route->handler(r);
}

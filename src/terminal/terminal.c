/* SPDX-License-Identifier: MIT */
#include "terminal/terminal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/host.h"
#include "host/network.h"
#include "instance/instance.h"
#include "model/settings.h"
#include "terminal/terminal_private.h"

#define TTL_MAX_S 86400
#define HOST_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:"

/* ---- life */

static void sweep_cb(uv_timer_t *timer)
{
	struct terminals *ts = timer->data;
	uint64_t now = uv_now(ts->b->loop);
	struct session *s, *next;
	struct connection *c, *next_c;

	tokens_expire(ts->tokens, now);
	for (s = TAILQ_FIRST(&ts->sessions); s; s = next) {
		next = TAILQ_NEXT(s, link);
		session_sweep(s, now);
	}
	for (c = ts->gateway ? TAILQ_FIRST(&ts->gateway->queue) : NULL; c; c = next_c) {
		next_c = connection_next(c);
		connection_sweep(c, now);
	}
	if (ts->n_sessions == 0 && tokens_count(ts->tokens) == 0 && (!ts->gateway || ts->gateway->connections == 0))
		uv_timer_stop(timer);
}

void terminals_sweep_on(struct terminals *ts)
{
	if (!ts->freeing && !uv_is_active((uv_handle_t *)&ts->sweep))
		uv_timer_start(&ts->sweep, sweep_cb, SWEEP_MS, SWEEP_MS);
}

/* Sockets that a killed daemon left. */
static void remove_old(const struct settings *s)
{
	AUTO_FREE char *dir = fs_join(s->run_path, "terminal");
	struct error err = ERROR_INIT;

	if (fs_remove_tree(dir, &err) < 0)
		log_warning("terminal: %s", err.msg);
}

/* ---- a part of the host */

/* berthd's start leaves the port closed until somebody asks for a URL; a load by hand opens it. */
static void part_load(struct berthd *b, struct host_part *part)
{
	struct error err = ERROR_INIT;

	if (!host_starting(b))
		(void)terminal_listen(b, &err);
	host_part_done(part, NULL, &err);
}

static void part_unload(struct berthd *b)
{
	if (b->terminals != NULL)
		terminal_close(b);
}

static const struct host_part_type terminal_part = { "terminal", part_load, part_unload };

struct terminals *terminals_new(struct berthd *b, terminal_event_cb event)
{
	struct terminals *ts = mem_alloc(sizeof(*ts));

	remove_old(b->settings);
	ts->b = b;
	ts->event = event;
	ts->ttyd = ttyd_new(b->loop, b->settings);
	ts->tokens = tokens_new();
	TAILQ_INIT(&ts->sessions);
	uv_timer_init(b->loop, &ts->sweep);
	ts->sweep.data = ts;
	b->terminals = ts;
	host_part_add(b, &terminal_part);
	return ts;
}

static void closed_cb(uv_handle_t *handle)
{
	struct terminals *ts = handle->data;

	tokens_free(ts->tokens);
	free(ts);
}

void terminals_session_over(struct terminals *ts)
{
	if (ts->freeing && ts->n_sessions == 0)
		uv_close((uv_handle_t *)&ts->sweep, closed_cb);
}

void terminals_free(struct terminals *ts)
{
	if (!ts)
		return;
	terminal_close(ts->b);
	ts->b->terminals = NULL;
	ttyd_free(ts->ttyd);
	ts->ttyd = NULL;
	ts->freeing = true;
	uv_timer_stop(&ts->sweep);
	terminals_session_over(ts);
}

int terminal_listen(struct berthd *b, struct error *err)
{
	struct terminals *ts = b->terminals;

	if (!ts->gateway)
		ts->gateway = gateway_open(ts, err);
	return ts->gateway ? 0 : -1;
}

void terminal_close(struct berthd *b)
{
	struct terminals *ts = b->terminals;
	struct session *s;

	tokens_clear(ts->tokens);
	TAILQ_FOREACH(s, &ts->sessions, link)
		session_end(s, "the web terminal was closed");
	if (ts->gateway)
		gateway_close(ts->gateway);
	ts->gateway = NULL;
}

bool terminal_is_open(const struct berthd *b)
{
	return b->terminals->gateway != NULL;
}

void terminal_ready(struct berthd *b, void (*cb)(void *data), void *data)
{
	ttyd_ready(b->terminals->ttyd, cb, data);
}

/* ---- instances */

static const char *uuid_of(const struct instance *inst)
{
	return json_str_or(json_obj(inst->desired, "config"), "volatile.uuid", "");
}

char *terminals_uuid(const struct terminals *ts, const char *name)
{
	const struct instance *inst = registry_get(ts->b->registry, name);

	return mem_strdup(inst ? uuid_of(inst) : "");
}

bool terminals_instance_runs(const struct terminals *ts, const char *name, const char *uuid)
{
	const struct instance *inst = ts->b->registry ? registry_get(ts->b->registry, name) : NULL;

	return inst && strcmp(uuid_of(inst), uuid) == 0 && inst->state != LXC_STOPPED;
}

static int check_instance(struct berthd *b, const char *name, struct error *err)
{
	const struct instance *inst = registry_find(b->registry, name, err);

	if (!inst)
		return -1;
	if (inst->state == LXC_FROZEN)
		return error_set(err, ERROR_INVALID, "instance '%s' is paused: berth resume %s", name, name);
	if (inst->state != LXC_RUNNING)
		return error_set(err, ERROR_INVALID, "instance '%s' is not running: berth start %s", name, name);
	return 0;
}

/* ---- a new URL */

/* The address that packets to elsewhere would come from; nothing is sent. NULL: none. Caller frees. */
static char *own_address(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) }, from;
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(from);
	char text[INET_ADDRSTRLEN];

	to.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1, for documentation (RFC 5737) */
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&from, &len) < 0)
		return NULL;
	return mem_strdup(inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text)));
}

static bool is_any(const char *address)
{
	return !*address || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* Caller frees. */
static char *choose_host(const struct settings *s, const char *asked)
{
	char *own;

	if (asked && *asked)
		return mem_strdup(asked);
	if (*s->public_addr)
		return mem_strdup(s->public_addr);
	if (!is_any(s->terminal_listen))
		return mem_strdup(s->terminal_listen);
	own = own_address();
	return own ? own : mem_strdup(s->server_name);
}

static int check_host(const char *host, struct error *err)
{
	struct in6_addr any;
	size_t n = strlen(host);

	if (n > 253 || host[strspn(host, HOST_CHARS)] || (strchr(host, ':') && inet_pton(AF_INET6, host, &any) != 1))
		return error_set(err, ERROR_INVALID, "ip_addr '%.64s' is no host name and no address", host);
	return 0;
}

struct wish {
	int64_t ttl_s;
	const char *host; /* or NULL */
};

static int read_request(const struct settings *s, const cJSON *request, struct wish *ret, struct error *err)
{
	const cJSON *item;

	*ret = (struct wish){ .ttl_s = s->terminal_ttl_s };
	cJSON_ArrayForEach(item, request) {
		if (cJSON_IsNull(item))
			continue;
		if (strcmp(item->string, "ttl") == 0) {
			if (!cJSON_IsNumber(item) || item->valuedouble < 1 || item->valuedouble > TTL_MAX_S ||
			    item->valuedouble != (double)(int)item->valuedouble)
				return error_set(err, ERROR_INVALID, "ttl must be a number of seconds from 1 to %d",
						 TTL_MAX_S);
			ret->ttl_s = (int64_t)item->valuedouble;
		} else if (strcmp(item->string, "ip_addr") == 0) {
			if (!cJSON_IsString(item))
				return error_set(err, ERROR_INVALID, "ip_addr must be a string");
			if (check_host(item->valuestring, err) < 0)
				return -1;
			ret->host = item->valuestring;
		} else {
			return error_set(err, ERROR_INVALID, "unknown member '%.64s': there are ttl and ip_addr",
					 item->string);
		}
	}
	return 0;
}

/* The arg= parts are for reading only: nothing looks at them. */
static cJSON *describe(struct terminals *ts, const struct token_claim *claim, const char *token, int64_t ttl_s)
{
	int port = (int)ts->b->settings->remote_port;
	bool six = strchr(claim->host, ':') != NULL;
	cJSON *v = cJSON_CreateObject();
	char expires[TIME_TEXT_SIZE];
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += (time_t)ttl_s;
	time_rfc3339(at, expires);
	json_set_strf(v, "url", "%s://%s%s%s:%d/?arg=lxc-attach&arg=-n&arg=%s&token=%s",
		      ts->gateway->tls ? "https" : "http", six ? "[" : "", claim->host, six ? "]" : "", port, claim->name,
		      token);
	json_set_str(v, "token", token);
	json_set_int(v, "tty_port", port);
	json_set_str(v, "expires_at", expires);
	return v;
}

cJSON *terminal_create(struct berthd *b, const char *name, const cJSON *request, struct error *err)
{
	struct terminals *ts = b->terminals;
	struct token_claim claim = { 0 };
	char token[TOKEN_TEXT_SIZE];
	struct wish wish;
	cJSON *v = NULL;

	if (check_instance(b, name, err) < 0 || read_request(b->settings, request, &wish, err) < 0 ||
	    ttyd_check(ts->ttyd, err) < 0 || terminal_listen(b, err) < 0)
		return NULL;
	claim.name = mem_strdup(name);
	claim.uuid = terminals_uuid(ts, name);
	claim.host = choose_host(b->settings, wish.host);
	if (tokens_add(ts->tokens, &claim, uv_now(b->loop), (uint64_t)wish.ttl_s * 1000, token, err) == 0) {
		terminals_sweep_on(ts);
		v = describe(ts, &claim, token, wish.ttl_s);
	}
	explicit_bzero(token, sizeof(token));
	token_claim_clear(&claim);
	return v;
}

/* ---- sessions */

cJSON *terminal_list(struct berthd *b)
{
	cJSON *list = cJSON_CreateArray();
	const struct session *s;

	TAILQ_FOREACH(s, &b->terminals->sessions, link)
		if (!s->ending)
			cJSON_AddItemToArray(list, session_json(s));
	return list;
}

static struct session *find(struct berthd *b, const char *id, struct error *err)
{
	struct session *s = session_find(b->terminals, id);

	if (!s)
		error_set(err, ERROR_NOT_FOUND, "Terminal not found");
	return s;
}

cJSON *terminal_get(struct berthd *b, const char *id, struct error *err)
{
	const struct session *s = find(b, id, err);

	return s ? session_json(s) : NULL;
}

int terminal_kill(struct berthd *b, const char *id, struct error *err)
{
	struct session *s = find(b, id, err);

	if (!s)
		return -1;
	session_end(s, "it was killed");
	return 0;
}

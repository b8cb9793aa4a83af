/* SPDX-License-Identifier: MIT */
#include "api/request.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/peer.h"
#include "api/trust.h"
#include "base/mem.h"
#include "base/x509.h"
#include "instance/registry.h"

struct request *request_new(struct berthd *b, const struct request_transport *transport, const char *method,
			    const char *target)
{
	struct request *r = mem_alloc(sizeof(*r));

	r->berthd = b;
	r->transport = transport;
	r->method = mem_strdup(method);
	r->target = mem_strdup(target);
	r->path = mem_strndup(target, strcspn(target, "?"));
	strbuf_init(&r->body);
	r->reply.fd = -1;
	return r;
}

static void pair_clear(struct request_pair *pair)
{
	free(pair->key);
	free(pair->value);
}

static void reply_clear(struct reply *reply)
{
	free(reply->text);
	free(reply->filename);
	free(reply->content_type);
	free(reply->location);
	free(reply->etag);
	free(reply->modified);
	reply_parts_clear(reply->parts, reply->n_parts);
	if (reply->stream.on_end != NULL) /* there is nobody to send it to */
		reply->stream.on_end(reply->stream.data);
	if (reply->fd >= 0)
		close(reply->fd);
	if (reply->raw)
		reply->raw->on_close(NULL, reply->raw_data);
	if (reply->websocket) /* there is nobody to switch for */
		reply->websocket->on_close(NULL, reply->websocket_data);
}

void request_free(struct request *r)
{
	size_t i;

	if (!r)
		return;
	upload_abort(r);
	for (i = 0; i < r->n_params; i++)
		pair_clear(&r->params[i]);
	for (i = 0; i < r->n_query; i++)
		pair_clear(&r->query[i]);
	free(r->query);
	peer_unref(r->client);
	free(r->method);
	free(r->target);
	free(r->path);
	strbuf_clear(&r->body);
	cJSON_Delete(r->json);
	reply_clear(&r->reply);
	free(r);
}

/* A request without a client: the reply of its handler ends it. */
static const char *nobody_header(const struct request *r, const char *name)
{
	return NULL;
}

static const struct request_transport nobody = { nobody_header, request_free, NULL, NULL, NULL };

void request_gone(struct request *r)
{
	r->peer = NULL;
	r->transport = &nobody;
	if (r->on_gone) {
		r->on_gone(r);
		request_free(r);
	}
}

void request_pause(struct request *r)
{
	if (r->transport->pause != NULL)
		r->transport->pause(r);
}

void request_go_on(struct request *r)
{
	if (r->transport->go_on != NULL)
		r->transport->go_on(r);
}

struct berthd *request_berthd(const struct request *r)
{
	return r->berthd;
}

static const char *pair_find(const struct request_pair *pairs, size_t n, const char *key)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(pairs[i].key, key) == 0)
			return pairs[i].value;
	return NULL;
}

const char *request_param(const struct request *r, const char *name)
{
	return pair_find(r->params, r->n_params, name);
}

struct instance *request_instance(struct request *r)
{
	struct error err = ERROR_INIT;
	struct instance *inst = registry_find(r->berthd->registry, request_param(r, "name"), &err);

	if (!inst)
		reply_error(r, &err);
	return inst;
}

const char *request_query(const struct request *r, const char *name)
{
	return pair_find(r->query, r->n_query, name);
}

const char *request_header(const struct request *r, const char *name)
{
	const char *value = r->transport->header(r, name);
	AUTO_FREE char *incus = NULL;

	if (value != NULL || strncmp(name, "X-LXD-", 6) != 0)
		return value;
	incus = mem_printf("X-Incus-%s", name + 6);
	return r->transport->header(r, incus);
}

const cJSON *request_body(const struct request *r)
{
	return r->json;
}

const struct peer *request_peer(const struct request *r)
{
	return r->client;
}

bool request_trusted(const struct request *r)
{
	const struct x509 *cert = r->client ? r->client->cert : NULL;

	return !r->client || (cert && x509_is_current(cert) && trust_find(r->berthd->trust, cert->fingerprint));
}

const char *request_method(const struct request *r)
{
	return r->method;
}

const char *request_path(const struct request *r)
{
	return r->path;
}

const char *request_instances_prefix(const struct request *r)
{
	return r->containers ? "/1.0/containers" : "/1.0/instances";
}

int request_recursion(const struct request *r)
{
	const char *s = request_query(r, "recursion");

	if (!s || (strcmp(s, "1") != 0 && strcmp(s, "2") != 0))
		return 0;
	return *s - '0';
}

void *request_data(const struct request *r)
{
	return r->data;
}

void request_set_data(struct request *r, void *data)
{
	r->data = data;
}

void request_on_gone(struct request *r, void (*cb)(struct request *r))
{
	r->on_gone = cb;
}

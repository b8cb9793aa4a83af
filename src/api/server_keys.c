/* SPDX-License-Identifier: MIT */
/*
 * One table for all of LXD 5.0's keys: a row with a check works, one with a reason is refused by name. What is in neither
 * is unknown.
 */
#include "api/server_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "api/remote.h"
#include "api/trust_password.h"
#include "base/expiry.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/units.h"

#define SHUTDOWN_MINUTES_MAX 1440
#define DAYS_MAX 36500
#define USER_KEY_MAX 255
#define VALUE_MAX 65536

/* ---- checks: what is stored, or NULL */

static char *number(const char *value, int64_t max, struct error *err)
{
	int64_t n;

	if (units_parse_int(value, 0, max, &n, err) == 0)
		return mem_strdup(value);
	error_set(err, ERROR_INVALID, "invalid integer: a whole number from 0 to %lld is expected", (long long)max);
	return NULL;
}

static char *take_minutes(const char *value, struct error *err)
{
	return number(value, SHUTDOWN_MINUTES_MAX, err);
}

static char *take_days(const char *value, struct error *err)
{
	return number(value, DAYS_MAX, err);
}

static char *take_bool(const char *value, struct error *err)
{
	int ret;

	if (units_parse_bool(value, &ret, err) == 0)
		return mem_strdup(ret ? "true" : "false");
	error_set(err, ERROR_INVALID, "invalid boolean: true or false is expected");
	return NULL;
}

/* "1d 2H" */
static char *take_expiry(const char *value, struct error *err)
{
	time_t after;

	if (expiry_after(value, 0, &after, err) == 0)
		return mem_strdup(value);
	error_wrap(err, "Invalid expiry expression");
	return NULL;
}

/* It goes into a header of an answer, or into the environment of a child: one line. */
static char *take_line(const char *value, struct error *err)
{
	if (!text_is_line(value)) {
		error_set(err, ERROR_INVALID, "it is more than one line");
		return NULL;
	}
	if (strlen(value) <= 4096)
		return mem_strdup(value);
	error_set(err, ERROR_INVALID, "it is longer than 4096 bytes");
	return NULL;
}

static char *take_compression(const char *value, struct error *err)
{
	static const char *const known[] = { "bzip2", "gzip", "lzma", "xz", "zstd", "none" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], value) == 0)
			return mem_strdup(value);
	error_set(err, ERROR_INVALID, "Invalid compression algorithm \"%.64s\": it is none of bzip2, gzip, lzma, xz, zstd and none", value);
	return NULL;
}

/* LXD chooses by it among the members of a cluster: one host has one. */
static char *take_architecture(const char *value, struct error *err)
{
	struct utsname un;

	if (uname(&un) < 0) {
		error_sys(err, errno, "cannot ask for the architecture");
		return NULL;
	}
	if (strcmp(un.machine, value) == 0)
		return mem_strdup(value);
	error_set(err, ERROR_INVALID, "Invalid value \"%.64s\" (not one of [%s])", value, un.machine);
	return NULL;
}

/* ---- the table */

static const char clustered[] = "berth runs on one host and is no member of a cluster";

static const struct server_key {
	const char *name;
	char *(*take)(const char *value, struct error *err);
	const char *why_not; /* take is NULL */
	bool hidden;
} keys[] = {
	{ "backups.compression_algorithm", take_compression, NULL, false },
	{ "candid.api.key", NULL, "berth has no Candid", false },
	{ "candid.api.url", NULL, "berth has no Candid", false },
	{ "candid.domains", NULL, "berth has no Candid", false },
	{ "candid.expiry", NULL, "berth has no Candid", false },
	{ "cluster.https_address", NULL, clustered, false },
	{ "cluster.images_minimal_replica", NULL, clustered, false },
	{ "cluster.join_token_expiry", NULL, clustered, false },
	{ "cluster.max_standby", NULL, clustered, false },
	{ "cluster.max_voters", NULL, clustered, false },
	{ "cluster.offline_threshold", NULL, clustered, false },
	{ "core.bgp_address", NULL, "berth has no BGP server", false },
	{ "core.bgp_asn", NULL, "berth has no BGP server", false },
	{ "core.bgp_routerid", NULL, "berth has no BGP server", false },
	{ "core.debug_address", NULL, "berth has no debug server", false },
	{ "core.dns_address", NULL, "berth has no DNS server for zones", false },
	{ "core.https_address", remote_canonical, NULL, false },
	{ "core.https_allowed_credentials", take_bool, NULL, false },
	{ "core.https_allowed_headers", take_line, NULL, false },
	{ "core.https_allowed_methods", take_line, NULL, false },
	{ "core.https_allowed_origin", take_line, NULL, false },
	{ "core.https_trusted_proxy", NULL, "berth does not take the PROXY protocol", false },
	{ "core.metrics_address", NULL, "berth has no metrics server", false },
	{ "core.metrics_authentication", NULL, "berth has no metrics server", false },
	{ "core.proxy_http", take_line, NULL, false },
	{ "core.proxy_https", take_line, NULL, false },
	{ "core.proxy_ignore_hosts", take_line, NULL, false },
	{ "core.remote_token_expiry", take_expiry, NULL, false },
	{ "core.shutdown_timeout", take_minutes, NULL, false }, /* that operations have to end when berthd does */
	{ "core.trust_ca_certificates", NULL, "berth trusts certificates one by one", false },
	{ "core.trust_password", trust_password_hash, NULL, true },
	{ "images.auto_update_cached", take_bool, NULL, false },
	{ "images.auto_update_interval", take_days, NULL, false }, /* hours */
	{ "images.compression_algorithm", take_compression, NULL, false },
	{ "images.default_architecture", take_architecture, NULL, false },
	{ "images.remote_cache_expiry", take_days, NULL, false },
	{ "instances.nic.host_name", NULL, "berth names host interfaces at random", false },
	{ "maas.api.key", NULL, "berth has no MAAS", false },
	{ "maas.api.url", NULL, "berth has no MAAS", false },
	{ "maas.machine", NULL, "berth has no MAAS", false },
	{ "network.ovn.integration_bridge", NULL, "berth has no OVN", false },
	{ "network.ovn.northbound_connection", NULL, "berth has no OVN", false },
	{ "rbac.agent.private_key", NULL, "berth has no RBAC", false },
	{ "rbac.agent.public_key", NULL, "berth has no RBAC", false },
	{ "rbac.agent.url", NULL, "berth has no RBAC", false },
	{ "rbac.agent.username", NULL, "berth has no RBAC", false },
	{ "rbac.api.expiry", NULL, "berth has no RBAC", false },
	{ "rbac.api.key", NULL, "berth has no RBAC", false },
	{ "rbac.api.url", NULL, "berth has no RBAC", false },
	{ "rbac.expiry", NULL, "berth has no RBAC", false },
	{ "storage.backups_volume", NULL, "backups lie in backup_path of berth.conf", false },
	{ "storage.images_volume", NULL, "images lie in images_path of berth.conf", false },
};

static const struct server_key *find(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

bool server_key_hidden(const char *key)
{
	const struct server_key *k = find(key);

	return k && k->hidden;
}

static bool is_user_key(const char *key)
{
	return strncmp(key, "user.", 5) == 0 && key[5] && strlen(key) <= USER_KEY_MAX && text_is_word(key);
}

bool server_key_known(const char *key)
{
	return is_user_key(key) || find(key);
}

char *server_key_value(const char *key, const char *value, struct error *err)
{
	const struct server_key *k = find(key);
	char *stored = NULL;

	if (is_user_key(key)) {
		if (strlen(value) <= VALUE_MAX)
			return mem_strdup(value);
		error_set(err, ERROR_INVALID, "cannot set '%s': the value is longer than %d bytes", key, VALUE_MAX);
		return NULL;
	}
	if (!k)
		error_set(err, ERROR_INVALID, "unknown key");
	else if (!k->take)
		error_set(err, ERROR_INVALID, "%s", k->why_not);
	else
		stored = k->take(value, err);
	if (!stored)
		error_wrap(err, "cannot set '%.200s' to '%.200s'", key, k && k->hidden ? "…" : value);
	return stored;
}

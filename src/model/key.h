/* SPDX-License-Identifier: MIT */
/*
 * Instance configuration keys and device types as tables: one row says the
 * name, the type and range, how it is rendered into the LXC config, how it is
 * applied to a running container, and what the manual says.  A unit test walks
 * the tables: every row must have all of them.
 */
#ifndef BERTH_MODEL_KEY_H
#define BERTH_MODEL_KEY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/argv.h"
#include "base/error.h"
#include "lxc/probe.h"

/* LXC config lines being collected: {"key","value"} objects for templates/instance.conf. */
struct render_input;
struct render {
	const struct probe *probe;
	const cJSON *config;  /* expanded: profiles and instance merged */
	cJSON *lines;         /* array of {"key":…,"value":…}, of the config or of one device */
	cJSON *context;       /* the whole template context */
	const struct render_input *in;
	unsigned nics;        /* next free lxc.net.N */
};
void render_line(struct render *r, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What a running container has for live changes. */
struct live {
	const char *name;
	pid_t pid;
	const struct probe *probe;
	const cJSON *config; /* the new expanded config */
};

enum key_live {
	KEY_LIVE_APPLY,   /* apply() makes it true now */
	KEY_LIVE_NOTHING, /* of no consequence to a running container (user.*, boot.*) */
	KEY_LIVE_RESTART, /* pending until restart */
};

struct config_key {
	const char *name; /* exact, or a prefix ending in "." or ".*": "user.*", "environment.*" */
	const char *type; /* for the manual: "integer", "size", "bool", "string", … */
	const char *def;  /* what an unset key means, for the manual */
	int (*validate)(const char *key, const char *value, const struct probe *probe, struct error *err);
	/* NULL: no LXC line, see renderless */
	int (*render)(struct render *r, const char *key, const char *value, struct error *err);
	bool renderless;  /* deliberately no LXC line: berth itself acts on it */
	enum key_live live;
	int (*apply)(const struct live *l, const char *key, const char *value_or_null, struct error *err);
	const char *doc;
};

#define CONFIG_MEMORY_MIN (4u << 20) /* bytes; less and no init starts */

extern const struct config_key config_keys[]; /* ends with name == NULL */
const struct config_key *config_key_find(const char *name);
/* The known key nearest to an unknown one (Damerau-Levenshtein <= 3), or NULL. */
const char *config_key_nearest(const char *name);

/* {"key":"value"}: every key known, every value a valid string; ERROR_INVALID names key, value, rule.
 * LXD's words start the message: "Unknown configuration key: nosuch.key (did you mean …?)". */
int config_validate(const cJSON *config, const struct probe *probe, struct error *err);

struct live_change;

/* The answer of a device type to a change while the container runs. */
enum live_result { LIVE_APPLIED, LIVE_PENDING, LIVE_FAILED };

struct device_property {
	const char *name;
	const char *type;
	bool required;
	int (*validate)(const char *device, const char *key, const char *value, struct error *err);
	enum key_live live;
	const char *doc;
};

struct device_type {
	const char *name; /* "nic", "disk", … */
	const struct device_property *properties; /* ends with name == NULL; "type" is implied */
	/* Checks that need the whole device (required together, source exists, bridge exists at start). */
	int (*validate)(const char *device, const cJSON *props, struct error *err);
	/* Checks that need the host as it is now (bridge exists, source exists); run before every start. */
	int (*check_start)(const char *device, const cJSON *props, struct error *err);
	/* Adds this device's lines. */
	int (*render)(struct render *r, const char *device, const cJSON *props, struct error *err);
	/* Appends the commands that make the change true; old_props NULL: added, new_props NULL: removed. */
	enum live_result (*live)(const struct live_change *change, const char *device, const cJSON *old_props,
				 const cJSON *new_props, struct error *err);
	const char *doc;
};
extern const struct device_type device_types[]; /* ends with name == NULL */
const struct device_type *device_type_find(const char *name);

/* {"eth0":{"type":"nic",…}}; messages start as LXD's: `Device validation failed for "eth0": …`. */
int devices_validate(const cJSON *devices, struct error *err);
/* `Failed to start device "eth0": …`: bridge or source that is not there now. */
int devices_check_start(const cJSON *expanded_devices, struct error *err);
/* Of nics that are new or changed, old may be NULL: is there the network that they name? `Device validation failed for "n1": …`. */
int devices_check_networks(const cJSON *old, const cJSON *devices, struct error *err);
/* As devices_check_start() for devices that are new or changed, old may be NULL: `Failed add validation for device "bad": …`. */
int devices_check_added(const cJSON *old_expanded, const cJSON *new_expanded, struct error *err);
/* Is there what new usb, unix-hotplug and gpu devices of a running instance must find? Words as devices_check_start(). */
int devices_check_hardware(const cJSON *old_expanded, const cJSON *new_expanded, struct error *err);

/* LXD's rule for instances: a host name label, 1-63, [A-Za-z0-9-], not starting with digit or '-', not ending in '-'. */
int name_validate_instance(const char *name, struct error *err); /* "Invalid instance name: …" */
int name_validate_profile(const char *name, struct error *err);  /* no '/', no control character, no '.' in front, 1-64 */

/* Profiles in order, then the instance's own: later wins by key, by device name. Both results are new. */
void config_expand(const cJSON *const *profiles, size_t n, const cJSON *instance,
		   cJSON **ret_config, cJSON **ret_devices);

/* Where the tree of an instance comes from, for rendering. */
struct render_rootfs {
	const char *driver;      /* "overlay" or "dir" */
	const char *instance_dir; /* system_path/NAME */
	const char *lower;       /* overlay: image tree */
	const char *libexec_dir;
	const char *reboots_dir; /* where a container that reboots tells berthd (instance/reboots.h) */
};
struct render_input {
	const char *name;
	const cJSON *config;  /* expanded, incl. volatile.* (idmap base/size, hwaddr, host names) */
	const cJSON *devices; /* expanded */
	struct render_rootfs rootfs;
	const struct probe *probe;
	const char *template_dir;
	const char *include_config; /* folder of common.conf and userns.conf; NULL: /usr/share/lxc/config */
};
/* The complete LXC config. */
struct strbuf;
int render_instance(const struct render_input *in, struct strbuf *out, struct error *err);

/* Applies a change from old to new expanded config/devices to a running container. Appends names of what was
 * applied and what waits for a restart to the two arrays. cgroup files are written at once; what needs a tool is
 * returned in commands. */
struct live_change {
	struct live live;
	const cJSON *old_config, *new_config;
	const cJSON *old_devices, *new_devices;
	const char *instance_dir;
	const char *libexec_dir;
	cJSON *applied; /* array of strings, owned by the caller */
	cJSON *pending;
	cJSON *warnings; /* array or NULL: why a limit could not be written now ("limits.memory: …"), and is pending */
	bool unsure; /* it may be true already, or in part: what is made is first taken away, what goes may be gone */
	/* array of {"device":…,"argv":[…]}: children the caller runs in order (berth-rootfs attach/detach, lxc-device, ip, tc);
	 * one that fails moves its device from applied to pending with a warning, unless it has "may_fail":true;
	 * one with "spares_next":true that succeeds leaves the next nothing to do */
	cJSON *commands;
};
int live_apply(const struct live_change *change, struct error *err);

#endif

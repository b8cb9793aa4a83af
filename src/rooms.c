/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "api/backups.h"
#include "api/events.h"
#include "api/http.h"
#include "api/images.h"
#include "api/lifecycle.h"
#include "api/remote.h"
#include "api/server_config.h"
#include "api/snapshots.h"
#include "api/storage_volumes.h"
#include "api/terminals.h"
#include "api/trust.h"
#include "backup/backup.h"
#include "backup/extract.h"
#include "backup/import.h"
#include "backup/migrate.h"
#include "backup/restore.h"
#include "backup/volume_migrate.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook_watch.h"
#include "host/forward.h"
#include "host/host.h"
#include "host/notify.h"
#include "image/store.h"
#include "instance/forward_place.h"
#include "instance/hotplug.h"
#include "instance/instance.h"
#include "instance/late.h"
#include "instance/proxy.h"
#include "instance/reboots.h"
#include "instance/snapshot.h"
#include "lxc/probe.h"
#include "model/profile.h"
#include "model/settings.h"
#include "model/warnings.h"
#include "network/network.h"
#include "panel/vm.h"
#include "pool/custom.h"
#include "pool/image_volume.h"
#include "pool/pool.h"
#include "pool/pool_lost.h"
#include "proc/op.h"
#include "proc/ticker.h"
#include "rooms.h"
#include "terminal/terminal.h"

static unsigned parallel(const struct settings *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (s->operations_parallel > 0)
		return (unsigned)s->operations_parallel;
	return cores > 0 ? (unsigned)cores * 2 : 4;
}

static bool image_in_use(const char *fingerprint, void *data)
{
	return instance_uses_image(data, fingerprint);
}

int rooms_open(struct berthd *b, const struct settings_source *source, struct error *err)
{
	AUTO_FREE char *journal = fs_join(b->settings->state_path, "operations");
	AUTO_FREE char *profiles = fs_join(b->settings->state_path, "profiles");
	AUTO_FREE char *server = fs_join(b->settings->state_path, "server.json");
	AUTO_FREE char *warnings = fs_join(b->settings->state_path, "warnings.json");
	AUTO_FREE char *trust = fs_join(b->settings->state_path, "trust");
	AUTO_FREE char *reserve = fs_join(b->settings->state_path, "reserve");

	b->probe = probe_host(b->settings->system_path, b->settings->libexec_dir, err);
	if (b->probe == NULL)
		return -1;
	b->ops = op_queue_new(b->loop, journal, b, parallel(b->settings));
	op_queue_reserve(b->ops, reserve);
	image_register(b->ops);
	instance_register(b->ops);
	backup_register(b->ops);
	migrate_register(b->ops);
	volume_migrate_register(b->ops);
	vm_register(b->ops);
	restore_register(b->ops);
	forward_register(b->ops);
	network_register(b->ops);
	pool_register(b->ops);
	custom_register(b->ops);
	image_volume_register(b->ops);
	b->events = events_new(b);
	b->server = server_config_open(server, err);
	if (b->server == NULL)
		return -1;
	b->warnings = warnings_open(warnings, err);
	if (b->warnings == NULL)
		return -1;
	b->trust = trust_open(trust, err);
	if (b->trust == NULL)
		return -1;
	b->remote = remote_new(b, b->settings->state_path);
	b->profiles = profile_store_open(profiles, b->settings->network_pub, b->probe, err);
	if (b->profiles == NULL)
		return -1;
	b->images = image_store_open(b, image_in_use, b, err);
	if (b->images == NULL)
		return -1;
	if (pools_open(b, err) == NULL) /* before the instances that lie in them are looked for */
		return -1;
	image_volume_open(b);
	b->registry = registry_open(b, err);
	if (b->registry == NULL)
		return -1;
	host_open(b, source);
	if (networks_open(b, err) < 0)
		return -1;
	extract_clean(b);
	import_clean(b);
	if (forward_open(b, instance_place, err) < 0)
		return -1;
	lifecycle_start(b);
	terminals_new(b, terminal_opened);
	return 0;
}

/* A host whose address is not there yet is better served by its unix socket than not at all. */
static void listen_remote(struct berthd *b)
{
	static const char type[] = "Cannot listen on core.https_address";
	struct error err = ERROR_INIT;

	if (remote_listen(b->remote, server_config_get(b->server, "core.https_address"), &err) == 0) {
		warning_resolve(b->warnings, type, "");
		return;
	}
	log_warning("core.https_address: %s", err.msg);
	warning_raise(b->warnings, type, "", WARNING_MODERATE, err.msg);
}

/* What instances will miss on this host. */
static void warn_of_host(struct berthd *b)
{
	static const char type[] = "AppArmor support has been disabled";

	if (b->probe->apparmor)
		warning_resolve(b->warnings, type, "");
	else
		warning_raise(b->warnings, type, "", WARNING_LOW, "Disabled because of lack of kernel support");
}

void rooms_start(struct berthd *b)
{
	listen_remote(b);
	warn_of_host(b);
	notify_ready();
	hook_watch_start(b);
	forward_reconcile(b);
	late_start(b);
	hotplug_start(b);
	proxies_start(b);
	reboots_start(b);
	instance_bring_in_line(b);
	host_start(b);
	snapshots_by_the_clock(b);
	backups_by_the_clock(b);
	b->images_clock = images_by_the_clock(b);
	volumes_by_the_clock(b);
	b->pool_watch = pool_watch_start(b);
}

/* What would begin something by itself. */
void rooms_stop_clocks(struct berthd *b)
{
	reboots_stop(b);
	instance_autostart_stop(b);
	snapshot_due_stop(b);
	backup_due_stop(b);
	ticker_remove(b->images_clock);
	b->images_clock = NULL;
	custom_due_stop(b->volumes);
	b->volumes = NULL;
	pool_watch_stop(b->pool_watch);
	b->pool_watch = NULL;
}

void rooms_close(struct berthd *b)
{
	rooms_stop_clocks(b);
	remote_free(b->remote);
	b->remote = NULL;
	http_free(b->http);
	networks_close(b);
	host_close(b);
	terminals_free(b->terminals);
	late_stop(b);
	hotplug_stop(b);
	proxies_stop(b);
	forward_close(b);
	registry_free(b->registry);
	b->registry = NULL; /* for timers that come while the loop runs out */
	image_store_free(b->images);
	profile_store_free(b->profiles);
	pools_free(b->pools);
	log_set_sink(NULL, NULL);
	op_queue_free(b->ops);
	events_free(b->events);
	server_config_free(b->server);
	trust_free(b->trust);
	warnings_free(b->warnings);
	b->warnings = NULL;
	probe_free(b->probe);
}

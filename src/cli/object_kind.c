/* SPDX-License-Identifier: MIT */
/* The kinds of objects: where they are, what of them can be changed, and what an editor says above them. */
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/instance.h"
#include "cli/object.h"

static const char *const server_members[] = { "config", NULL };
static const char *const instance_members[] = { "architecture", "config",   "devices",	   "ephemeral",
						"profiles",	"stateful", "description", NULL };
static const char *const snapshot_members[] = { "expires_at", NULL };
static const char *const snapshot_shown[] = { "architecture", "config",	  "created_at", "devices", "ephemeral",
					      "expires_at",   "profiles", "stateful",	NULL };
static const char *const profile_members[] = { "config", "description", "devices", NULL };
static const char *const profile_shown[] = { "config", "description", "devices", "name", "used_by", NULL };
static const char *const network_members[] = { "config", "description", NULL };
static const char *const network_shown[] = { "config", "description", "name", "type", "used_by", "managed", NULL };
static const char *const pool_members[] = { "config", "description", NULL };
static const char *const pool_shown[] = { "config", "description", "name", "driver", "used_by", "status", "locations", NULL };
static const char *const volume_members[] = { "config", "description", NULL };
static const char *const volume_shown[] = { "config", "description", "name", "type", "used_by", "location", "content_type",
					    "project", "created_at", NULL };
static const char *const volume_snapshot_members[] = { "description", "expires_at", NULL };
static const char *const volume_snapshot_shown[] = { "description", "expires_at", "name", "config", "content_type",
						     "created_at", NULL };
static const char *const warning_members[] = { "status", NULL };
static const char *const warning_shown[] = { "uuid",	      "location",      "project",      "type",	   "count", "first_seen_at",
					     "last_seen_at", "last_message", "severity", "status", "entity_url", NULL };
static const char *const project_members[] = { "config", "description", NULL };
static const char *const project_shown[] = { "config", "description", "name", "used_by", NULL };
static const char *const certificate_members[] = { "name", "type", "restricted", "projects", "certificate", NULL };
static const char *const certificate_shown[] = { "name",	 "type",	"restricted", "projects",
						 "certificate", "fingerprint", NULL };
static const char *const metadata_members[] = { "architecture", "creation_date", "expiry_date", "properties", "templates", NULL };
static const char *const image_members[] = { "auto_update", "properties", "public", "expires_at", "profiles", NULL };

const struct object_kind object_server = {
	.name = "server",
	.prefix = "/1.0",
	.settings = "config",
	.writable = server_members,
	.shown = server_members,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the server configuration.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### A sample configuration looks like:\n"
		     "### config:\n"
		     "###   user.owner: operations\n",
};

const struct object_kind object_instance = {
	.name = "instance",
	.prefix = "/1.0/instances/",
	.settings = "config",
	.writable = instance_members,
	.shown = instance_members,
	.edit_help = "### This is a YAML representation of the instance configuration.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### A sample configuration looks like:\n"
		     "### config:\n"
		     "###   limits.memory: 512MiB\n"
		     "### devices:\n"
		     "###   data:\n"
		     "###     path: /srv/data\n"
		     "###     source: /home/data\n"
		     "###     type: disk\n"
		     "### ephemeral: false\n"
		     "### profiles:\n"
		     "### - default\n"
		     "###\n"
		     "### The name cannot be changed here.\n",
};

static char *snapshot_path(const char *name)
{
	return instance_path(name, "");
}

/* "c1/snap0"; all that can change is when it ends. */
const struct object_kind object_snapshot = {
	.name = "snapshot",
	.path = snapshot_path,
	.frozen = "expires_at can change, with berth config edit",
	.settings = "config",
	.writable = snapshot_members,
	.shown = snapshot_shown,
	.edit_help = "### This is a YAML representation of the snapshot.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### Only expires_at can be changed, such as:\n"
		     "### expires_at: 2027-03-23T17:38:37Z\n",
};

const struct object_kind object_profile = {
	.name = "profile",
	.title = "Profile",
	.prefix = "/1.0/profiles/",
	.settings = "config",
	.writable = profile_members,
	.shown = profile_shown,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the profile.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### A profile is a set of configuration keys and devices:\n"
		     "### config:\n"
		     "###   limits.cpu: \"2\"\n"
		     "### description: two cores, on the public bridge\n"
		     "### devices:\n"
		     "###   eth0:\n"
		     "###     name: eth0\n"
		     "###     nictype: bridged\n"
		     "###     parent: lxcbr0\n"
		     "###     type: nic\n"
		     "###\n"
		     "### The name and used_by are shown and cannot be changed here.\n",
};

const struct object_kind object_image = {
	.name = "image",
	.prefix = "/1.0/images/",
	.settings = "properties",
	.writable = image_members,
	.shown = image_members,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the image properties.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### properties:\n"
		     "###   description: My image\n",
};

const struct object_kind object_network = {
	.name = "network",
	.title = "Network",
	.prefix = "/1.0/networks/",
	.settings = "config",
	.writable = network_members,
	.shown = network_shown,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the network.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### config:\n"
		     "###   ipv4.address: 10.62.42.1/24\n"
		     "###   ipv4.nat: \"true\"\n"
		     "###   ipv6.address: none\n"
		     "### description: My network\n"
		     "###\n"
		     "### The name, type and used_by are shown and cannot be changed here.\n",
};

const struct object_kind object_pool = {
	.name = "pool",
	.title = "Storage pool",
	.prefix = "/1.0/storage-pools/",
	.settings = "config",
	.writable = pool_members,
	.shown = pool_shown,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the storage pool.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### config:\n"
		     "###   volume.snapshots.expiry: 2w\n"
		     "### description: My pool\n"
		     "###\n"
		     "### The name, driver and used_by are shown and cannot be changed here.\n",
};

/* "pool/custom/data", "pool/custom/data/snap0": no part of it has a "/". */
static char *volume_path(const char *name)
{
	static const char *const between[] = { "/1.0/storage-pools/", "/volumes/", "/", "/snapshots/" };
	struct strbuf path = STRBUF_INIT;

	for (size_t i = 0; i < 4 && *name; i++) {
		size_t len = i < 3 ? strcspn(name, "/") : strlen(name);
		AUTO_FREE char *part = mem_strndup(name, len);
		AUTO_FREE char *segment = client_escape(part);

		strbuf_addf(&path, "%s%s", between[i], segment);
		name += len + (name[len] == '/');
	}
	return strbuf_detach(&path);
}

const struct object_kind object_volume = {
	.name = "volume",
	.title = "Storage volume",
	.path = volume_path,
	.settings = "config",
	.writable = volume_members,
	.shown = volume_shown,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the storage volume.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### config:\n"
		     "###   snapshots.schedule: '@daily'\n"
		     "### description: My volume\n"
		     "###\n"
		     "### The name, type and used_by are shown and cannot be changed here.\n",
};

const struct object_kind object_volume_snapshot = {
	.name = "snapshot",
	.title = "Storage volume",
	.path = volume_path,
	.frozen = "description and expires_at can change, with berth storage volume edit; it is",
	.settings = "config",
	.writable = volume_snapshot_members,
	.shown = volume_snapshot_shown,
	.edit_help = "### This is a YAML representation of the snapshot of a storage volume.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### Only these can be changed:\n"
		     "### description: before the upgrade\n"
		     "### expires_at: 2027-03-23T17:38:37Z\n",
};

const struct object_kind object_warning = {
	.name = "warning",
	.title = "Warning",
	.prefix = "/1.0/warnings/",
	.writable = warning_members,
	.shown = warning_shown,
};

const struct object_kind object_project = {
	.name = "project",
	.title = "Project",
	.prefix = "/1.0/projects/",
	.settings = "config",
	.writable = project_members,
	.shown = project_shown,
};

const struct object_kind object_certificate = {
	.name = "certificate",
	.title = "Certificate",
	.prefix = "/1.0/certificates/",
	.writable = certificate_members,
	.shown = certificate_shown,
	.edit_help = "### This is a YAML representation of the trusted client.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### The fingerprint is shown and cannot be changed here.\n",
};

static char *metadata_path(const char *instance)
{
	return instance_path(instance, "/metadata");
}

const struct object_kind object_metadata = {
	.name = "metadata",
	.path = metadata_path,
	.settings = "properties",
	.writable = metadata_members,
	.shown = metadata_members,
	.edit_help = "### This is a YAML representation of the instance's metadata.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### templates:\n"
		     "###   /etc/hosts:\n"
		     "###     when:\n"
		     "###     - create\n"
		     "###     - start\n"
		     "###     template: hosts.tpl\n",
};

const struct object_kind *object_kind_of(const struct command *command)
{
	static const struct object_kind *const kinds[] = { &object_instance, &object_profile, &object_image,
							    &object_network,  &object_pool,    &object_warning,
							    &object_project,  &object_certificate };
	const char *first = command->complete ? command->complete : "";
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i]->name);

		if (strncmp(first, kinds[i]->name, len) == 0 && (first[len] == ' ' || first[len] == '\0'))
			return kinds[i];
	}
	return &object_server;
}

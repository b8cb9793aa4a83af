/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/settings.h"

static void take_text(char **now, const char *text)
{
	free(*now);
	*now = mem_strdup(text);
}

int settings_reread(struct settings *now, const struct settings_source *source, struct error *err)
{
	struct settings *s = settings_load(source, err);

	if (s == NULL)
		return -1;
	if (strcmp(s->system_path, now->system_path) != 0 || strcmp(s->images_path, now->images_path) != 0 ||
	    strcmp(s->state_path, now->state_path) != 0 || strcmp(s->socket, now->socket) != 0)
		log_warning("changed folders and sockets take effect when berthd is restarted");
	now->image_max_bytes = s->image_max_bytes;
	now->image_max_entries = s->image_max_entries;
	now->http_max_body = s->http_max_body;
	now->shutdown_grace_s = s->shutdown_grace_s;
	now->hook_timeout_s = s->hook_timeout_s;
	now->backup_level = s->backup_level;
	now->backup_stall_s = s->backup_stall_s;
	now->terminal_ttl_s = s->terminal_ttl_s;
	now->terminal_idle_s = s->terminal_idle_s;
	now->terminal_total_s = s->terminal_total_s;
	now->terminal_max = s->terminal_max;
	take_text(&now->log_level, s->log_level);
	take_text(&now->server_name, s->server_name);
	take_text(&now->storage_driver, s->storage_driver);
	settings_free(s);
	return 0;
}

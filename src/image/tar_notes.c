/* SPDX-License-Identifier: MIT */
#include "image/tar_notes.h"

#include <string.h>

#include "base/json.h"
#include "image/metadata.h"

enum { OS_RELEASE_MAX = 16 * 1024, ELF_HEAD = 20 };

void tar_notes_init(struct tar_notes *n)
{
	memset(n, 0, sizeof(*n));
	strbuf_init(&n->metadata);
	strbuf_init(&n->etc_release);
	strbuf_init(&n->usr_release);
	strbuf_init(&n->head);
}

void tar_notes_clear(struct tar_notes *n)
{
	strbuf_clear(&n->metadata);
	strbuf_clear(&n->etc_release);
	strbuf_clear(&n->usr_release);
	strbuf_clear(&n->head);
}

/* Programs of the tree itself; an emulator put in for building is of the builder's machine. */
static bool is_program(const char *path)
{
	static const char *const folders[] = { "bin/", "sbin/", "usr/bin/", "usr/sbin/", "usr/lib/systemd/" };
	size_t i, len;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		len = strlen(folders[i]);
		if (strncmp(path, folders[i], len) == 0)
			return strncmp(path + len, "qemu-", 5) != 0;
	}
	return false;
}

static bool is_root_folder(const char *path)
{
	static const char *const names[] = { "bin", "sbin", "usr", "etc" };
	size_t len = strcspn(path, "/"), i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && strncmp(path, names[i], len) == 0)
			return true;
	}
	return false;
}

static void start_taking(struct tar_notes *n, struct strbuf *into, size_t max)
{
	strbuf_reset(into);
	n->taking = into;
	n->take_max = max;
}

void tar_notes_entry(struct tar_notes *n, const char *name, bool file)
{
	const char *path = strncmp(name, "rootfs/", 7) == 0 ? name + 7 : NULL;

	n->taking = NULL;
	n->elf = false;
	if (path)
		n->looks_like_root |= is_root_folder(path);
	if (!file)
		return;
	if (!path && strcmp(name, "metadata.yaml") == 0)
		start_taking(n, &n->metadata, METADATA_SIZE_MAX + 1);
	if (!path)
		return;
	if (strcmp(path, "etc/os-release") == 0)
		start_taking(n, &n->etc_release, OS_RELEASE_MAX);
	else if (strcmp(path, "usr/lib/os-release") == 0)
		start_taking(n, &n->usr_release, OS_RELEASE_MAX);
	else if (is_program(path))
		start_taking(n, &n->head, ELF_HEAD);
	n->elf = n->taking == &n->head;
}

void tar_notes_data(struct tar_notes *n, const void *data, size_t len)
{
	if (!n->taking || n->taking->len >= n->take_max)
		return;
	if (len > n->take_max - n->taking->len)
		len = n->take_max - n->taking->len;
	strbuf_add(n->taking, data, len);
}

void tar_notes_end(struct tar_notes *n)
{
	const char *machine;
	size_t i;

	n->taking = NULL;
	if (!n->elf)
		return;
	n->elf = false;
	machine = architecture_of_elf((const unsigned char *)n->head.buf, n->head.len);
	for (i = 0; machine && i < NOTES_MACHINES; i++) {
		if (n->machines[i].name && strcmp(n->machines[i].name, machine))
			continue;
		n->machines[i].name = machine;
		n->machines[i].count++;
		return;
	}
}

static const char *commonest_machine(const struct tar_notes *n)
{
	size_t i, best = 0;

	for (i = 1; i < NOTES_MACHINES; i++) {
		if (n->machines[i].count > n->machines[best].count)
			best = i;
	}
	return n->machines[best].name;
}

int tar_notes_report(struct tar_notes *n, cJSON *report, struct error *err)
{
	const struct strbuf *release = n->etc_release.len ? &n->etc_release : &n->usr_release;
	const char *machine = commonest_machine(n);
	cJSON *metadata;

	if (machine)
		json_set_str(report, "architecture", machine);
	if (release->len)
		json_set(report, "os_release", os_release_parse(release->buf, release->len));
	if (n->metadata.len == 0)
		return 0;
	metadata = metadata_parse(n->metadata.buf, n->metadata.len, err);
	if (!metadata)
		return -1;
	json_set(report, "metadata", metadata);
	return 0;
}

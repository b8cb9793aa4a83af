/* SPDX-License-Identifier: MIT */
/*
 * Device nodes of the host that a usb, unix-hotplug or gpu device stands for: those of the hardware that is there now,
 * as sysfs tells it.
 */
#ifndef BERTH_MODEL_DEVICE_MATCH_H
#define BERTH_MODEL_DEVICE_MATCH_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Where the kernel tells of it; nvidia's driver tells the rest in proc and dev. */
struct match_roots {
	const char *sys, *proc, *dev; /* "/sys", "/proc", "/dev" */
};

/* Is it of one of these types? */
bool device_is_matched(const cJSON *props);

/* The member of a matched device's properties that holds its nodes; no user can set one of this name. */
#define MATCH_NODES "nodes"

/* Gives every device of these types its nodes: ["c 189:1 /dev/bus/usb/001/002", …], sorted, each path once. */
void devices_match(cJSON *devices, const struct match_roots *roots);

/* A node's text taken apart; false: it is none. path points into the text. */
struct match_node {
	char type; /* 'c' or 'b' */
	unsigned major, minor;
	const char *path;
};
bool match_node_parse(const char *text, struct match_node *ret);

/* What a device is called in the folder devices/ of an instance: with '@' for each '/'. */
char *match_device_file(const char *device);
/* The name of a node of it ("usb0+dev+bus+usb+001+002"), which is a device of its own; and back, from its file: the path. */
char *match_file_name(const char *device, const char *path);
char *match_file_path(const char *device, const char *file); /* NULL: not one of this device */

#endif

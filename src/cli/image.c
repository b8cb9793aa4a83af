/* SPDX-License-Identifier: MIT */
/* berth image: delete, show, edit, properties, and the table of the family. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/image.h"
#include "cli/instance.h"

char *image_ref_resolve(struct cli *cli, const char *ref, struct error *err)
{
	AUTO_FREE char *segment = NULL, *path = NULL;
	AUTO_JSON cJSON *alias = NULL;

	ref = instance_local(ref);
	segment = client_escape(ref);
	path = mem_printf("/1.0/images/aliases/%s", segment);
	if (*ref == '\0') {
		error_set(err, ERROR_INVALID, "the name of the image is empty");
		return NULL;
	}
	alias = client_get(cli->client, path, NULL, err);
	if (alias)
		return mem_strdup(json_str_or(alias, "target", ref));
	if (err->code != ERROR_NOT_FOUND)
		return NULL;
	error_clear(err);
	return mem_strdup(ref);
}

int image_object(struct cli *cli, const char *ref, struct object *ret, struct error *err)
{
	AUTO_FREE char *fingerprint = image_ref_resolve(cli, ref, err);
	const char *whole;

	if (!fingerprint || object_get(cli, &object_image, fingerprint, ret, err) < 0)
		return -1;
	whole = json_str(ret->value, "fingerprint");
	if (whole && strspn(whole, "0123456789abcdef") == strlen(whole)) {
		free(ret->path);
		ret->path = mem_printf("%s%s", object_image.prefix, whole);
	}
	return 0;
}

static int delete_one(struct cli *cli, const char *ref, struct error *err)
{
	AUTO_FREE char *fingerprint = image_ref_resolve(cli, ref, err);
	AUTO_JSON cJSON *result = NULL;
	AUTO_OBJECT struct object o = { 0 };

	if (!fingerprint)
		return -1;
	object_init(&o, &object_image, fingerprint);
	result = client_change(cli->client, "DELETE", o.path, NULL, NULL, err);
	return result ? 0 : -1;
}

static int image_delete_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	int i, rc = cli_args(cli, &argc, &argv, 1, -1);

	for (i = 0; rc == 0 && i < argc; i++)
		rc = delete_one(cli, argv[i], err);
	return rc;
}

static int image_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	return image_object(cli, argv[0], &o, err) < 0 ? -1 : object_show(&o, false, err);
}

static int image_edit(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *fingerprint = NULL;
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	fingerprint = image_ref_resolve(cli, argv[0], err);
	return fingerprint ? object_edit(cli, &object_image, fingerprint, err) : -1;
}

static int image_get_property(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	const char *value;
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc != 0)
		return rc;
	if (image_object(cli, argv[0], &o, err) < 0)
		return -1;
	value = json_str(object_settings(&o), argv[1]);
	if (!value)
		return error_set(err, ERROR_NOT_FOUND, "image '%s' has no property '%s'", argv[0], argv[1]);
	puts(value);
	return 0;
}

static int image_set_property(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	int rc = cli_args(cli, &argc, &argv, 3, 3);

	if (rc != 0)
		return rc;
	if (image_object(cli, argv[0], &o, err) < 0)
		return -1;
	json_set_str(object_settings(&o), argv[1], argv[2]);
	return object_put(cli, &o, err);
}

static int image_unset_property(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc != 0)
		return rc;
	if (image_object(cli, argv[0], &o, err) < 0 || object_unset(&o, argv[1], err) < 0)
		return -1;
	return object_put(cli, &o, err);
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "rm", NULL };

static const struct command image_commands[] = {
	{ .name = "import",
	  .args = "<tarball>|- [<rootfs tarball>] [<key>=<value>...]",
	  .summary = "Import images into the image store",
	  .options = "      --alias NAME    New alias of the image (may be given several times)\n"
		     "      --public        Mark the image as public\n",
	  .examples = "  berth image import debian.tar.xz --alias debian description='Debian 12'\n"
		      "      One file: a unified LXD image, or a plain archive of a root file system.\n\n"
		      "  berth image import metadata.tar.xz rootfs.tar.xz --alias debian\n"
		      "      A split LXD image.\n\n"
		      "  tar cz -C /srv/tree . | berth image import - --alias mine\n"
		      "      From stdin.\n",
	  .run = image_import_cmd,
	  .complete = "file" },
	{ .name = "list",
	  .args = "[<filter>...]",
	  .summary = "List images",
	  .options = "  -c, --columns COLUMNS   Columns (default lfpdatsu)\n"
		     "  -f, --format FORMAT     table, compact, json, csv or yaml (default table)\n\n"
		     "Columns:\n"
		     "  l shortest alias (and how many more)   L all aliases, one a line\n"
		     "  f fingerprint (short)                  F fingerprint (long)\n"
		     "  p public      d description            a architecture\n"
		     "  t type        s size                   u upload date\n\n"
		     "Filters are key=value (of the image or its properties), a part of an alias, or the\n"
		     "beginning of a fingerprint; all must hold.\n",
	  .examples = "  berth image list os=debian\n"
		      "  berth image list -c lF -f csv\n",
	  .run = image_list_cmd,
	  .aliases = list_aliases },
	{ .name = "info",
	  .args = "<image>",
	  .summary = "Show useful information about images",
	  .examples = "  berth image info debian\n",
	  .run = image_info_cmd,
	  .complete = "image -" },
	{ .name = "show",
	  .args = "<image>",
	  .summary = "Show image properties",
	  .examples = "  berth image show debian\n",
	  .run = image_show,
	  .complete = "image -" },
	{ .name = "export",
	  .args = "<image> [<target>]",
	  .summary = "Export and download images",
	  .examples = "  berth image export debian\n"
		      "      FINGERPRINT.tar.xz in the working directory.\n\n"
		      "  berth image export debian /srv/images/\n"
		      "  berth image export debian debian-12\n"
		      "      debian-12.tar.xz: the ending is that of the stored file.\n\n"
		      "  berth image export debian - | ssh other berth image import -\n"
		      "      To stdout.\n",
	  .run = image_export_cmd,
	  .complete = "image file" },
	{ .name = "copy",
	  .args = "<https://server>/<image> [flags]",
	  .summary = "Copy an image from another server",
	  .options = "      --alias NAME          Name for the image; may be given several times\n"
		     "      --auto-update         Look every few hours whether the server has a newer one\n"
		     "      --certificate FILE    The server's own certificate (PEM)\n"
		     "      --protocol PROTOCOL   lxd or simplestreams (default lxd)\n"
		     "      --public              Make the image public\n",
	  .examples = "  berth image copy https://images.linuxcontainers.org/debian/12 --protocol simplestreams --alias debian\n"
		      "  berth image copy https://10.0.0.2:8443/web --certificate other.crt\n",
	  .run = image_copy_cmd },
	{ .name = "refresh",
	  .args = "<image>...",
	  .summary = "Fetch copied images anew, if there are newer ones",
	  .examples = "  berth image refresh debian\n",
	  .run = image_refresh_cmd,
	  .complete = "image" },
	{ .name = "delete",
	  .args = "<image>...",
	  .summary = "Delete images",
	  .examples = "  berth image delete debian\n"
		      "      Instances made from it go on working.\n",
	  .run = image_delete_cmd,
	  .aliases = delete_aliases,
	  .complete = "image" },
	{ .name = "edit",
	  .args = "<image>",
	  .summary = "Edit image properties",
	  .examples = "  berth image edit debian\n"
		      "      Opens $VISUAL, $EDITOR or vi.\n\n"
		      "  berth image edit debian < image.yaml\n"
		      "      Takes the properties from a file.\n",
	  .run = image_edit,
	  .complete = "image -" },
	{ .name = "get-property",
	  .args = "<image> <key>",
	  .summary = "Get image properties",
	  .examples = "  berth image get-property debian release\n",
	  .run = image_get_property,
	  .complete = "image -" },
	{ .name = "set-property",
	  .args = "<image> <key> <value>",
	  .summary = "Set image properties",
	  .examples = "  berth image set-property debian release 12\n",
	  .run = image_set_property,
	  .complete = "image -" },
	{ .name = "unset-property",
	  .args = "<image> <key>",
	  .summary = "Unset image properties",
	  .examples = "  berth image unset-property debian release\n",
	  .run = image_unset_property,
	  .complete = "image -" },
	{ .name = "alias",
	  .summary = "Manage image aliases",
	  .examples = "  berth image alias create debian 025eb64a4b04\n",
	  .sub = image_alias_commands },
	{ 0 },
};

const struct command cmd_image = {
	.name = "image",
	.summary = "Manage images",
	.examples = "  berth image import busybox.tar.gz --alias busybox\n"
		    "  berth launch busybox c1\n\n"
		    "  Images are named by an alias, their fingerprint, or the beginning of it.\n",
	.sub = image_commands,
};

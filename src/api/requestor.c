/* SPDX-License-Identifier: MIT */
#include "api/requestor.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "api/peer.h"
#include "api/request.h"
#include "base/json.h"
#include "base/x509.h"

/* The file alone: a directory service that hangs would stop us all. */
static void user_name(uid_t uid, char *out, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *p;

	snprintf(out, size, "uid=%u", (unsigned)uid);
	while (f != NULL && (p = fgetpwent(f)) != NULL) {
		if (p->pw_uid != uid)
			continue;
		snprintf(out, size, "%s", p->pw_name);
		break;
	}
	if (f != NULL)
		fclose(f);
}

cJSON *requestor_of(const struct request *r)
{
	cJSON *v = cJSON_CreateObject();
	char name[64] = "root";
	uid_t uid = r->transport->user != NULL ? r->transport->user(r) : 0;

	if (r->client != NULL) {
		json_set_str(v, "username", r->client->cert != NULL ? r->client->cert->fingerprint : "");
		json_set_str(v, "protocol", "tls");
		json_set_str(v, "address", r->client->address);
		return v;
	}
	if (uid != 0) /* root is root: no file is read for nearly all */
		user_name(uid, name, sizeof(name));
	json_set_str(v, "username", name);
	json_set_str(v, "protocol", "unix");
	json_set_str(v, "address", "@");
	return v;
}

/* SPDX-License-Identifier: MIT */
#include "base/json_merge.h"

#include <stdbool.h>
#include <string.h>

#include "base/strmap.h"

#define FEW_MEMBERS 32

/* The members that there are, by name; NULL: so few that they are looked through. */
static struct strmap *members_by_name(const cJSON *obj)
{
	struct strmap *m = cJSON_GetArraySize(obj) > FEW_MEMBERS ? strmap_new(NULL) : NULL;
	cJSON *item;

	if (m)
		cJSON_ArrayForEach(item, obj)
			strmap_put(m, item->string, item);
	return m;
}

static cJSON *find_among(const cJSON *obj, int n, const char *name)
{
	cJSON *item = n > 0 ? obj->child : NULL;

	while (n > 0 && strcmp(item->string, name) != 0) {
		item = item->next;
		n--;
	}
	return n > 0 ? item : NULL;
}

void json_merge(cJSON *into, const cJSON *from)
{
	const int before = cJSON_GetArraySize(into); /* only these can be replaced: from has no name twice */
	struct strmap *known = members_by_name(into);
	const cJSON *item;

	cJSON_ArrayForEach(item, from) {
		cJSON *copy = cJSON_Duplicate(item, true);
		cJSON *old = known ? strmap_get(known, item->string) : find_among(into, before, item->string);

		if (old)
			cJSON_ReplaceItemViaPointer(into, old, copy);
		else if (!cJSON_AddItemToObject(into, item->string, copy))
			cJSON_Delete(copy); /* there is no object */
	}
	strmap_free(known);
}

/* SPDX-License-Identifier: MIT */
/* The handlers of /1.0/images, over several files; the table is in images.c. */
#ifndef BERTH_API_IMAGES_H
#define BERTH_API_IMAGES_H

#include "api/router.h"

/* images_upload.c */
extern const struct route_upload image_upload_body;
/* 202, and the events at its end: op's args have the "fingerprint" then. op NULL: err. */
void reply_image(struct request *r, struct op *op, const struct error *err);

/* images_push.c: images that go from one server to the other */
void image_push_token_post(struct request *r); /* source.mode "push": somebody may send us one */
void image_push_post(struct request *r);       /* we send one */
/*
 * The token that the head of an upload names, which is spent with that: what the image is to be, a new object of options of
 * image_import(). NULL: none.
 */
cJSON *image_push_token_take(struct request *r);

/* images_source.c */
void images_post(struct request *r); /* a JSON body: sources other than an upload */
void image_add_proxies(const struct berthd *b, cJSON *source); /* how the server gets to others (image/download.h) */
/* Of an instance's source on another server: the same, and what images.auto_update_* say. source may be NULL. */
void image_add_ways(const struct berthd *b, cJSON *source);

/* images_secret.c */
void image_secret_post(struct request *r);
bool image_visible(const struct request *r, const char *fingerprint); /* to the client that asks */

/* images_export.c */
void image_export_get(struct request *r);

/* images_due.c: what is done once an hour, until ticker_remove() */
struct ticker;
struct ticker *images_by_the_clock(struct berthd *b);
/* images.c: "image-deleted" when op ends well. */
void image_delete_events(struct berthd *b, struct op *op, const char *fingerprint);

/* images_alias.c */
void aliases_get(struct request *r);
void aliases_post(struct request *r);
void alias_get(struct request *r);
void alias_put(struct request *r);
void alias_patch(struct request *r);
void alias_post(struct request *r);
void alias_delete(struct request *r);
void alias_event(struct berthd *b, const char *action, const char *name, const char *member,
		 const char *value, const cJSON *who); /* as events_lifecycle() */

/* images.c: the image that {fingerprint} means, or NULL and the reply was sent. */
const char *image_of_request(struct request *r);

#endif

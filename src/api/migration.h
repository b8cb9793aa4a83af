/* SPDX-License-Identifier: MIT */
#ifndef BERTH_API_MIGRATION_H
#define BERTH_API_MIGRATION_H

struct migrate_link;
struct request;

/* Answers GET /1.0/operations/ID/websocket of a migration: 101, or 403 when the secret is none of it or was used. */
void migration_connect(struct migrate_link *link, struct request *r);

#endif

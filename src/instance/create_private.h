/* SPDX-License-Identifier: MIT */
/* What create.c, which makes an instance, has for create_request.c, which is asked to. */
#ifndef BERTH_INSTANCE_CREATE_PRIVATE_H
#define BERTH_INSTANCE_CREATE_PRIVATE_H

#include "proc/op.h"

/*
 * Args beyond those of work.h: mark (names what is half-made), desired, fingerprint (absent for none), start, archive
 * (archive.h), or copy_of and what copy.h adds, or what receive.h does. What can be wrong with desired is found by its first step.
 */
extern const struct op_kind launch_kind, launch_pushed_kind, launch_pulled_kind; /* the source connects to us; or we to it */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * One user's password in the files of a container: etc/passwd and etc/shadow below its root folder, which is hostile.
 * Nothing that is opened lies outside of it; what is no plain file is refused; both files are replaced whole.
 *
 * The hash goes where this system looks for it: into etc/shadow when the user has a line there or when etc/passwd says
 * "x" (without an etc/shadow one is made that none but root can read), else into etc/passwd, as passwd(1) does there.
 *
 * Locked out meanwhile: passwd(1), chpasswd(8) and PAM by etc/.pwd.lock (lckpwdf(3)), busybox by etc/shadow+.
 */
#ifndef BERTH_HELPER_PASSWD_SET_H
#define BERTH_HELPER_PASSWD_SET_H

#include "base/error.h"

#define PASSWD_MAX 511 /* crypt(3)'s longest, in bytes */

/* ERROR_NOT_FOUND when there is no etc/passwd, or no such user in it. */
int passwd_set(int rootfd, const char *user, const char *password, struct error *err);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * For programs that enter other namespaces, or drop the right to be looked into: LeakSanitizer cannot work there, and
 * ends them with 1. Included by the file of main(), once per program.
 */
#ifndef BERTH_HELPER_NO_LEAK_CHECK_H
#define BERTH_HELPER_NO_LEAK_CHECK_H

#ifdef __SANITIZE_ADDRESS__
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}
#endif

#endif

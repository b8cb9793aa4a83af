/* SPDX-License-Identifier: MIT */
#include "helper/unpack_sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534 };
#define MEMORY_MAX (2048UL * 1024 * 1024)
#define READER_MEMORY_MAX (4096UL * 1024 * 1024) /* 7zz: the largest dictionaries take 1.5 GiB and more */

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* Sanitizers map terabytes and read /proc. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define UNBOUNDED 1
#elif defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

int sandbox_drop_ids(pid_t parent, struct error *err)
{
	if (geteuid() == 0 && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
			       setresuid(NOBODY, NOBODY, NOBODY)))
		return error_sys(err, errno, "cannot become nobody");
	/* after the change of ids, which clears it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		return error_set(err, ERROR_CANCELLED, "the caller is gone");
	return 0;
}

static int limit(int resource, rlim_t max, struct error *err)
{
	struct rlimit r = { max, max };

	return setrlimit(resource, &r) ? error_sys(err, errno, "cannot limit resources") : 0;
}

#ifdef OUR_ARCH
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
		    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void filter_syscalls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(read), ALLOW(write), ALLOW(lseek), ALLOW(close), ALLOW(brk), ALLOW(mmap), ALLOW(munmap),
		ALLOW(mremap), ALLOW(madvise), ALLOW(mprotect), ALLOW(futex), ALLOW(getrandom),
		ALLOW(clock_gettime), ALLOW(clock_nanosleep), ALLOW(rt_sigreturn), ALLOW(rt_sigprocmask), ALLOW(getpid), ALLOW(gettid),
		ALLOW(tgkill), ALLOW(exit), ALLOW(exit_group), ALLOW(newfstatat), ALLOW(fstat),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
static void filter_syscalls(void)
{
}
#endif

/* What is left of root's might: to read. Kept over exec. */
static int keep_reading(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	data[0].effective = data[0].permitted = data[0].inheritable = 1u << CAP_DAC_READ_SEARCH;
	if (syscall(SYS_capset, &header, data) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0))
		return error_sys(err, errno, "cannot keep the right to read");
	return 0;
}

int sandbox_reader(pid_t parent, struct error *err)
{
	bool root = geteuid() == 0;

	if (limit(RLIMIT_CORE, 0, err) || limit(RLIMIT_FSIZE, 0, err) || limit(RLIMIT_AS, READER_MEMORY_MAX, err))
		return -1;
	if (root && prctl(PR_SET_KEEPCAPS, 1))
		return error_sys(err, errno, "cannot keep the right to read");
	if (sandbox_drop_ids(parent, err) || (root && keep_reading(err)))
		return -1;
	/* the ids have changed since it was set by sandbox_drop_ids(), the capabilities too */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || getppid() != parent)
		return error_set(err, ERROR_CANCELLED, "the caller is gone");
	return 0;
}

int sandbox_enter(struct error *err)
{
	if (limit(RLIMIT_CORE, 0, err) || limit(RLIMIT_NPROC, 0, err))
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error_sys(err, errno, "cannot give up privileges");
#ifndef UNBOUNDED
	if (limit(RLIMIT_AS, MEMORY_MAX, err))
		return -1;
#endif
	filter_syscalls();
	return 0;
}

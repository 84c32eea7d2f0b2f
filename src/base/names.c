/* SPDX-License-Identifier: MIT */
/* names: words for the public enums */
#include <errno.h>
#include <string.h>

#include <snug.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const steps[] = {
    [SNUG_STEP_NONE] = "no step",
    [SNUG_STEP_INIT] = "initialise VM and vCPU",
    [SNUG_STEP_VERSION] = "verify the API version",
    [SNUG_STEP_TSS] = "set the TSS address",
    [SNUG_STEP_MEMORY] = "allocate memory",
    [SNUG_STEP_GET_SREGS] = "retrieve special registers",
    [SNUG_STEP_SET_SREGS] = "set special registers",
    [SNUG_STEP_REGS] = "set vCPU registers",
    [SNUG_STEP_RUN] = "run loop",
    [SNUG_STEP_EXIT] = "check the exit reason",
};

static const char *const modes[] = {
    [SNUG_MODE_AUTO] = "auto",       [SNUG_MODE_REAL] = "real", [SNUG_MODE_PROTECTED] = "protected",
    [SNUG_MODE_PAGED32] = "paged32", [SNUG_MODE_LONG] = "long", [SNUG_MODE_USER] = "user",
    [SNUG_MODE_RESET] = "reset",
};

static const char *const kinds[] = {
    [SNUG_KIND_AUTO] = "auto",           [SNUG_KIND_FLAT] = "flat",   [SNUG_KIND_ELF] = "elf",
    [SNUG_KIND_FIRMWARE] = "firmware",   [SNUG_KIND_LINUX] = "linux", [SNUG_KIND_PVH] = "pvh",
    [SNUG_KIND_MULTIBOOT] = "multiboot",
};

static const char *const exits[] = {
    [SNUG_EXIT_NONE] = "none",
    [SNUG_EXIT_PIO] = "port access",
    [SNUG_EXIT_MMIO] = "mmio",
    [SNUG_EXIT_HLT] = "halt",
    [SNUG_EXIT_STATUS] = "exit status",
    [SNUG_EXIT_RESET] = "reset",
    [SNUG_EXIT_FAULT] = "fault",
    [SNUG_EXIT_SHUTDOWN] = "triple fault",
    [SNUG_EXIT_INTERNAL] = "internal error",
    [SNUG_EXIT_FAIL_ENTRY] = "failed entry",
    [SNUG_EXIT_MEMORY] = "memory fault",
    [SNUG_EXIT_MSR] = "msr access",
    [SNUG_EXIT_DEBUG] = "debug",
    [SNUG_EXIT_SYSTEM] = "system event",
    [SNUG_EXIT_DIRTY_FULL] = "dirty ring full",
    [SNUG_EXIT_KICKED] = "kicked",
    [SNUG_EXIT_TIMEOUT] = "timeout",
    [SNUG_EXIT_SIGNAL] = "signal",
    [SNUG_EXIT_OTHER] = "other",
    [SNUG_EXIT_MARK] = "mark",
    [SNUG_EXIT_RETURN] = "return",
    [SNUG_EXIT_POWEROFF] = "power off",
    [SNUG_EXIT_PANIC] = "guest panic",
};

static const char *const hosts[] = {
    [SNUG_HOST_UNKNOWN] = "unknown",
    [SNUG_HOST_VMX] = "vmx",
    [SNUG_HOST_SVM] = "svm",
    [SNUG_HOST_PVM] = "pvm",
};

/* SDM 3A table 6-1 */
static const char *const vectors[32] = {
    [0] = "#DE divide error",
    [1] = "#DB debug",
    [2] = "NMI",
    [3] = "#BP breakpoint",
    [4] = "#OF overflow",
    [5] = "#BR bound range",
    [6] = "#UD invalid opcode",
    [7] = "#NM no math coprocessor",
    [8] = "#DF double fault",
    [9] = "coprocessor segment overrun",
    [10] = "#TS invalid TSS",
    [11] = "#NP segment not present",
    [12] = "#SS stack fault",
    [13] = "#GP general protection",
    [14] = "#PF page fault",
    [16] = "#MF x87 error",
    [17] = "#AC alignment check",
    [18] = "#MC machine check",
    [19] = "#XM SIMD error",
    [20] = "#VE virtualization",
    [21] = "#CP control protection",
};

static const char *name_of(const char *const *names, size_t count, size_t i)
{
	return i < count && names[i] ? names[i] : "?";
}

static int from_name(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; name && i < count; i++)
		if (names[i] && strcmp(names[i], name) == 0)
			return (int)i;
	return -EINVAL;
}

const char *snug_step_name(enum snug_step step)
{
	return name_of(steps, COUNT(steps), (size_t)step);
}

const char *snug_mode_name(enum snug_mode mode)
{
	return name_of(modes, COUNT(modes), (size_t)mode);
}

const char *snug_kind_name(enum snug_kind kind)
{
	return name_of(kinds, COUNT(kinds), (size_t)kind);
}

const char *snug_exit_name(enum snug_exit_kind kind)
{
	return name_of(exits, COUNT(exits), (size_t)kind);
}

const char *snug_host_name(enum snug_host_kind kind)
{
	return name_of(hosts, COUNT(hosts), (size_t)kind);
}

const char *snug_vector_name(uint8_t vector)
{
	if (vector >= COUNT(vectors))
		return "interrupt";
	return vectors[vector] ? vectors[vector] : "reserved exception";
}

int snug_mode_from_name(const char *name)
{
	return from_name(modes, COUNT(modes), name);
}

int snug_kind_from_name(const char *name)
{
	return from_name(kinds, COUNT(kinds), name);
}

#define TEXT(x) #x
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *snug_version(void)
{
	return VERSION(SNUG_VERSION_MAJOR, SNUG_VERSION_MINOR, SNUG_VERSION_PATCH);
}

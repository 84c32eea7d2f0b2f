/* SPDX-License-Identifier: MIT */
/* exits: every exit reason the installed linux/kvm.h knows has its name, and so has every enum of snug.h */
#include <ctype.h>
#include <stdlib.h>

#include "../vmtest.h"

#define KVM_H "/usr/include/linux/kvm.h"
#define MAX_NAMES 128

struct name {
	char text[64];
	unsigned long number;
};

/* All "#define KVM_EXIT_NAME number" of the header. */
static unsigned read_names(struct name *names)
{
	FILE *f = fopen(KVM_H, "r");
	char line[256], number[32];
	unsigned count = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct name *n = &names[count];

		if (sscanf(line, "#define %63s %31s", n->text, number) != 2 ||
		    strncmp(n->text, "KVM_EXIT_", 9) != 0 || !isdigit((unsigned char)number[0]))
			continue;
		n->number = strtoul(number, NULL, 0);
		assert_true(++count < MAX_NAMES);
	}
	fclose(f);
	return count;
}

/* KVM_EXIT_IO_OUT is a constant of KVM_EXIT_IO's, no reason of its own. */
static bool belongs_to_another(const struct name *names, unsigned count, const char *text)
{
	for (unsigned i = 0; i < count; i++) {
		size_t len = strlen(names[i].text);

		if (strncmp(text, names[i].text, len) == 0 && text[len] == '_')
			return true;
	}
	return false;
}

static void every_reason_of_the_header(void **state)
{
	static struct name names[MAX_NAMES];
	unsigned count = read_names(names), seen = 0;

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		if (belongs_to_another(names, count, names[i].text))
			continue;
		assert_string_equal(snug_reason_name((uint32_t)names[i].number), names[i].text);
		seen++;
	}
	assert_true(seen >= 35); /* as many as Linux 6.1 has */
}

/* Newer than any header that may be installed. */
static void newer_reasons(void **state)
{
	(void)state;
	assert_string_equal(snug_reason_name(38), "KVM_EXIT_LOONGARCH_IOCSR");
	assert_string_equal(snug_reason_name(39), "KVM_EXIT_MEMORY_FAULT");
	assert_string_equal(snug_reason_name(40), "KVM_EXIT_TDX");
	assert_string_equal(snug_reason_name(1000), "KVM_EXIT_?");
	assert_string_equal(snug_reason_name(UINT32_MAX), "KVM_EXIT_?");
}

/* Each value up to last has a name of its own, and what is beyond has "?". */
#define CHECK_NAMES(name_of, type, last)                                                                             \
	do {                                                                                                         \
		for (int i = 0; i <= (last); i++) {                                                                  \
			assert_string_not_equal(name_of((type)i), "?");                                              \
			for (int k = 0; k < i; k++)                                                                  \
				assert_string_not_equal(name_of((type)i), name_of((type)k));                         \
		}                                                                                                    \
		assert_string_equal(name_of((type)((last) + 1)), "?");                                               \
		assert_string_equal(name_of((type)-1), "?");                                                         \
	} while (0)

static void every_enum(void **state)
{
	(void)state;
	CHECK_NAMES(snug_exit_name, enum snug_exit_kind, SNUG_EXIT_PANIC);
	CHECK_NAMES(snug_mode_name, enum snug_mode, SNUG_MODE_RESET);
	CHECK_NAMES(snug_kind_name, enum snug_kind, SNUG_KIND_MULTIBOOT);
	CHECK_NAMES(snug_step_name, enum snug_step, SNUG_STEP_EXIT);
	CHECK_NAMES(snug_host_name, enum snug_host_kind, SNUG_HOST_PVM);
}

static void names_back_to_values(void **state)
{
	(void)state;
	for (int i = 0; i <= SNUG_MODE_RESET; i++)
		assert_int_equal(snug_mode_from_name(snug_mode_name((enum snug_mode)i)), i);
	for (int i = 0; i <= SNUG_KIND_FIRMWARE; i++)
		assert_int_equal(snug_kind_from_name(snug_kind_name((enum snug_kind)i)), i);
	assert_int_equal(snug_mode_from_name("Long"), -EINVAL);
	assert_int_equal(snug_mode_from_name(""), -EINVAL);
	assert_int_equal(snug_mode_from_name(NULL), -EINVAL);
	assert_int_equal(snug_kind_from_name("bin"), -EINVAL);
}

static void vectors(void **state)
{
	(void)state;
	assert_string_equal(snug_vector_name(0), "#DE divide error");
	assert_string_equal(snug_vector_name(6), "#UD invalid opcode");
	assert_string_equal(snug_vector_name(14), "#PF page fault");
	for (int v = 0; v < 256; v++)
		assert_true(snug_vector_name((uint8_t)v)[0]);
}

static void version(void **state)
{
	char want[32];

	(void)state;
	snprintf(want, sizeof(want), "%d.%d.%d", SNUG_VERSION_MAJOR, SNUG_VERSION_MINOR, SNUG_VERSION_PATCH);
	assert_string_equal(snug_version(), want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_reason_of_the_header),
	    cmocka_unit_test(newer_reasons),
	    cmocka_unit_test(every_enum),
	    cmocka_unit_test(names_back_to_values),
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(version),
	};

	return cmocka_run_group_tests_name("exits", tests, NULL, NULL);
}

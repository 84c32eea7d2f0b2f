/* SPDX-License-Identifier: MIT */
/* mem: regions come and go, borrowed and read-only ones; the one checked road; translation */
#include <sys/mman.h>

#include "../vmtest.h"

#define MIB (1ull << 20)

static void refused(void **state)
{
	static const struct {
		struct snug_region r;
		int code;
		const char *says;
	} rows[] = {
	    {{.gpa = 0x2000000, .bytes = 0}, -EINVAL, "empty"},
	    {{.gpa = 0x2000001, .bytes = 4096}, -EINVAL, "4096"},
	    {{.gpa = 0x2000000, .bytes = 4097}, -EINVAL, "4096"},
	    {{.gpa = 0x2000000, .bytes = 4096, .flags = 2}, -EINVAL, "flags"},
	    {{.gpa = 0x2000000, .bytes = 4096, .host = (void *)0x1001}, -EINVAL, "host"},
	    {{.gpa = UINT64_MAX - 4095, .bytes = 4096}, -EINVAL, ""},
	    {{.gpa = 0xe0000000, .bytes = UINT64_MAX - 4095}, -EINVAL, "2^52"},
	    {{.gpa = 0, .bytes = 4096, .name = "mine"}, -EEXIST, "'ram'"},
	    {{.gpa = 16 * MIB - 4096, .bytes = 8192}, -EEXIST, "'ram'"},
	    {{.gpa = 0xfeffc000, .bytes = 4096}, -EEXIST, "TSS"},
	    {{.gpa = 0xfefff000, .bytes = 4096}, -EEXIST, "TSS"},
	    {{.gpa = 0xfe000000, .bytes = 32 * MIB}, -EEXIST, "TSS"},
	    {{.gpa = 0xd0000000, .bytes = 4096}, -EEXIST, "device"},
	    {{.size = 4}, -EINVAL, "size 4"},
	};
	static const struct snug_device_ops ops = {0};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_mmio_add(b.vm, 0xd0000ff0, 0x20, &ops, NULL, &b.e), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		b.e = (struct snug_error){0};
		assert_int_equal(snug_mem_add(b.vm, &rows[i].r, &b.e), rows[i].code);
		assert_int_equal(b.e.code, rows[i].code);
		if (!strstr(b.e.msg, rows[i].says))
			fail_msg("'%s' does not say '%s'", b.e.msg, rows[i].says);
		assert_true(b.e.hint[0]);
	}
	assert_int_equal(snug_mem_region(b.vm, 1, &(struct snug_region){0}), -ENOENT); /* nothing was added */
	box_close(&b);
}

/* A caller compiled with a later snug.h has more fields: as long as they are zero they mean nothing. */
static void of_a_later_version(void **state)
{
	struct {
		struct snug_region known;
		uint64_t later[4];
	} r = {.known = {.size = sizeof(r), .gpa = 0x2000000, .bytes = 4096}};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	r.later[3] = 1;
	assert_int_equal(snug_mem_add(b.vm, &r.known, &b.e), -EINVAL);
	r.later[3] = 0;
	assert_int_equal(snug_mem_add(b.vm, &r.known, &b.e), 0);
	box_close(&b);
}

/* Memory the library itself adds does not cover a device either: tables, ROM; nor a device KVM's own pages. */
static void device_in_the_way(void **state)
{
	static const struct snug_device_ops ops = {0};
	static const uint8_t rom[4096];
	const struct snug_image flat = {.data = rom, .len = 1, .mode = SNUG_MODE_LONG};
	const struct snug_image firmware = {.data = rom, .len = sizeof(rom), .kind = SNUG_KIND_FIRMWARE};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_mmio_add(b.vm, 0xfef00000, 4096, &ops, NULL, &b.e), 0);
	assert_int_equal(snug_load(b.vm, &flat, &b.e), -EEXIST);
	assert_non_null(strstr(b.e.msg, "overlaps a device at 0xfef00000"));
	assert_int_equal(snug_mmio_remove(b.vm, 0xfef00000), 0);
	assert_int_equal(snug_load(b.vm, &flat, &b.e), 0);
	assert_int_equal(snug_mmio_add(b.vm, 0xfffff000, 4096, &ops, NULL, &b.e), 0);
	assert_int_equal(snug_load(b.vm, &firmware, &b.e), -EEXIST);
	assert_int_equal(snug_mmio_remove(b.vm, 0xfffff000), 0);
	assert_int_equal(snug_load(b.vm, &firmware, &b.e), 0);
	assert_int_equal(snug_mmio_add(b.vm, 0xfefff000, 4096, &ops, NULL, &b.e), -EEXIST);
	assert_non_null(strstr(b.e.msg, "TSS"));
	box_close(&b);
}

static void listing(void **state)
{
	struct snug_region r = {.gpa = 64 * MIB, .bytes = 8192, .name = "a name that is too long"};
	struct snug_region seen = {0};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_mem_add(b.vm, &r, &b.e), 0);
	r = (struct snug_region){.gpa = 32 * MIB, .bytes = 4096, .flags = SNUG_MEM_READONLY, .name = "rom"};
	assert_int_equal(snug_mem_add(b.vm, &r, &b.e), 0);

	assert_int_equal(snug_mem_region(b.vm, 0, &seen), 0);
	assert_string_equal(seen.name, "ram");
	assert_int_equal(seen.bytes, 16 * MIB);
	assert_int_equal(snug_mem_region(b.vm, 1, &seen), 0);
	assert_string_equal(seen.name, "rom");
	assert_int_equal(seen.flags, SNUG_MEM_READONLY);
	assert_non_null(seen.host);
	assert_int_equal(snug_mem_region(b.vm, 2, &seen), 0);
	assert_string_equal(seen.name, "a name that is ");
	assert_int_equal(snug_mem_region(b.vm, 3, &seen), -ENOENT);

	assert_int_equal(snug_mem_remove(b.vm, 32 * MIB, &b.e), 0);
	assert_int_equal(snug_mem_remove(b.vm, 32 * MIB, &b.e), -ENOENT);
	assert_int_equal(snug_mem_remove(b.vm, 64 * MIB + 4096, &b.e), -ENOENT); /* within, not where it starts */
	assert_int_equal(snug_mem_region(b.vm, 1, &seen), 0);
	assert_int_equal(seen.gpa, 64 * MIB);
	box_close(&b);
}

static void ram_above_3_gib(void **state)
{
	struct snug_config cfg = {.mem_bytes = 3072 * MIB + 64 * MIB};
	struct snug_region r = {0};
	uint32_t v = 0;
	struct box b;

	(void)state;
	memset(&b, 0, sizeof(b));
	if (snug_vm_new(&cfg, &b.vm, &b.e) == -ENOMEM)
		skip(); /* the host has less */
	assert_int_equal(snug_mem_region(b.vm, 0, &r), 0);
	assert_int_equal(r.bytes, 3072 * MIB);
	assert_int_equal(snug_mem_region(b.vm, 1, &r), 0);
	assert_int_equal(r.gpa, 4096 * MIB);
	assert_int_equal(r.bytes, 64 * MIB);
	assert_int_equal(snug_mem_read(b.vm, 3072 * MIB, &v, 1), -EFAULT);
	assert_int_equal(snug_mem_write(b.vm, 4096 * MIB, "\1\2\3\4", 4), 0);
	assert_int_equal(snug_mem_read(b.vm, 4160 * MIB - 4, &v, 4), 0);
	assert_int_equal(snug_mem_read(b.vm, 4160 * MIB - 3, &v, 4), -EFAULT);
	box_close(&b);
}

static void checked_road(void **state)
{
	struct snug_region r = {.gpa = 16 * MIB, .bytes = 4096}; /* adjoins RAM */
	uint8_t in[] = {1, 2, 3, 4}, out[4] = {9, 9, 9, 9};
	struct box b;

	(void)state;
	box_open(&b, (struct snug_config){0});
	assert_int_equal(snug_mem_write(b.vm, 16 * MIB - 2, in, 4), -EFAULT);
	assert_int_equal(snug_mem_read(b.vm, 16 * MIB - 2, out, 2), 0);
	assert_int_equal(out[0] | out[1], 0); /* nothing was copied */
	out[0] = 9;
	assert_int_equal(snug_mem_read(b.vm, 16 * MIB - 2, out, 4), -EFAULT);
	assert_int_equal(out[0], 9);
	assert_int_equal(snug_mem_add(b.vm, &r, &b.e), 0);
	assert_int_equal(snug_mem_write(b.vm, 16 * MIB - 2, in, 4), 0); /* over both */
	assert_int_equal(snug_mem_read(b.vm, 16 * MIB - 2, out, 4), 0);
	assert_memory_equal(in, out, 4);
	assert_null(snug_mem_ptr(b.vm, 16 * MIB - 2, 4, false)); /* but not as one pointer */
	assert_non_null(snug_mem_ptr(b.vm, 16 * MIB, 4096, true));
	assert_null(snug_mem_ptr(b.vm, 16 * MIB, 4097, true));
	assert_null(snug_mem_ptr(b.vm, 0, 0, false));
	assert_int_equal(snug_mem_read(b.vm, UINT64_MAX, out, 2), -EFAULT);
	assert_int_equal(snug_mem_read(b.vm, 4096, out, SIZE_MAX), -EFAULT);
	assert_int_equal(snug_mem_mark(b.vm, 0, 4096), 0);
	assert_int_equal(snug_mem_mark(b.vm, 16 * MIB, 4097), -EFAULT);
	assert_int_equal(snug_mem_read(b.vm, 0, out, 0), 0);
	box_close(&b);
}

GUEST64(touch, "mov $0x2000000, %ebx\nmov (%rbx), %al\nmovb $0x77, 1(%rbx)\nout %al, $0xf4");

/* The guest and the owner see the same bytes; freeing the VM leaves them alone. */
static void borrowed_memory(void **state)
{
	uint8_t *host = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct snug_region r = {.gpa = 32 * MIB, .bytes = 8192, .host = host}, seen = {0};
	struct box b;

	(void)state;
	assert_ptr_not_equal(host, MAP_FAILED);
	host[0] = 0x42;
	BOX(&b, SNUG_MODE_LONG, touch);
	assert_int_equal(snug_mem_add(b.vm, &r, &b.e), 0);
	assert_int_equal(snug_mem_region(b.vm, 1, &seen), 0);
	assert_ptr_equal(seen.host, host);
	assert_ptr_equal(snug_mem_ptr(b.vm, 32 * MIB, 1, false), host);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0x42);
	assert_int_equal(host[1], 0x77);
	box_close(&b);
	assert_int_equal(host[1], 0x77);
	host[1] = 1; /* it is mapped still */
	assert_int_equal(munmap(host, 8192), 0);
}

/* The host's side of a read-only region can be written, and the guest sees it. */
static void readonly_memory(void **state)
{
	struct snug_region r = {.gpa = 32 * MIB, .bytes = 4096, .flags = SNUG_MEM_READONLY};
	uint8_t bytes[2];
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, touch);
	assert_int_equal(snug_mem_add(b.vm, &r, &b.e), 0);
	assert_int_equal(snug_mem_write(b.vm, 32 * MIB, "\x42\x43", 2), 0);
	assert_exit(&b, SNUG_EXIT_MMIO);
	assert_true(b.x.mmio.write);
	assert_exit(&b, SNUG_EXIT_STATUS);
	assert_int_equal(b.x.status.value, 0x42);
	assert_int_equal(snug_mem_read(b.vm, 32 * MIB, bytes, 2), 0);
	assert_memory_equal(bytes, "\x42\x43", 2);
	box_close(&b);
}

/* As many regions as the host has slots for, and then a message. */
static void many_regions(void **state)
{
	struct snug_region r = {.bytes = 4096, .name = "one of many"};
	unsigned added = 0, limit = 300;
	struct box b;
	int ret = 0;

	(void)state;
	box_open(&b, (struct snug_config){0});
	while (added < limit && ret == 0) {
		r.gpa = 32 * MIB + (uint64_t)added * 8192;
		ret = snug_mem_add(b.vm, &r, &b.e);
		added += ret == 0;
	}
	if (ret < 0)
		assert_int_equal(ret, -ENOSPC);
	assert_true(added >= 20);
	assert_int_equal(snug_mem_write(b.vm, r.gpa - 8192, "x", 1), 0);
	assert_int_equal(snug_mem_write(b.vm, 32 * MIB + 4096, "x", 1), -EFAULT); /* the gaps stay gaps */
	for (unsigned i = 0; i < added; i++)
		assert_int_equal(snug_mem_remove(b.vm, 32 * MIB + (uint64_t)i * 8192, &b.e), 0);
	box_close(&b);
}

GUEST64(halt, "hlt");

static void translation(void **state)
{
	uint64_t entry = 0x7ffff007; /* leads out of memory */
	snug_gpa gpa = 0;
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, halt);
	assert_int_equal(snug_vcpu_translate(b.cpu, 0x123456, &gpa, &b.e), 0);
	assert_int_equal(gpa, 0x123456);
	assert_int_equal(snug_vcpu_translate(b.cpu, 0xfffff123, &gpa, &b.e),
	                 0); /* mapped, whether or not anything is there */
	assert_int_equal(gpa, 0xfffff123);
	assert_int_equal(snug_vcpu_translate(b.cpu, 1ull << 39, &gpa, &b.e), -EFAULT);
	assert_true(b.e.msg[0]);
	assert_int_equal(snug_vcpu_translate(b.cpu, 1ull << 63, &gpa, &b.e), -EFAULT);
	assert_non_null(strstr(b.e.msg, "canonical"));
	assert_int_equal(snug_mem_write(b.vm, box_reg(&b, "cr3") + 8, &entry, 8), 0);
	assert_int_equal(snug_vcpu_translate(b.cpu, 1ull << 39, &gpa, &b.e), -EFAULT);
	assert_non_null(strstr(b.e.msg, "0x7ffff"));
	box_close(&b);

	box_open(&b, (struct snug_config){0}); /* without paging */
	assert_int_equal(snug_vcpu_translate(b.cpu, 0x123456, &gpa, &b.e), 0);
	assert_int_equal(gpa, 0x123456);
	box_close(&b);
}

static void read_by_linear_address(void **state)
{
	uint8_t bytes[8];
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_LONG, halt);
	assert_int_equal(snug_mem_write(b.vm, 16 * MIB - 4, "\1\2\3\4", 4), 0);
	assert_int_equal(snug_vcpu_read(b.cpu, 16 * MIB - 4, bytes, 4, &b.e), 4);
	assert_memory_equal(bytes, "\1\2\3\4", 4);
	assert_int_equal(snug_vcpu_read(b.cpu, 16 * MIB - 4, bytes, 8, &b.e), 4); /* what there is */
	assert_int_equal(snug_vcpu_read(b.cpu, 1ull << 39, bytes, 8, &b.e), 0);
	assert_int_equal(snug_vcpu_read(b.cpu, BASE, bytes, 1, &b.e), 1);
	assert_int_equal(bytes[0], 0xf4);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(refused),
	    KVM_TEST(listing),
	    KVM_TEST(ram_above_3_gib),
	    KVM_TEST(checked_road),
	    KVM_TEST(borrowed_memory),
	    KVM_TEST(readonly_memory),
	    KVM_TEST(many_regions),
	    KVM_TEST(translation),
	    KVM_TEST(read_by_linear_address),
	    KVM_TEST(of_a_later_version),
	    KVM_TEST(device_in_the_way),
	};

	return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}

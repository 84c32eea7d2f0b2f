/* SPDX-License-Identifier: MIT */
/* devices: a PC's devices as guests use them */
#include "../vmtest.h"

/* Waits for room in the transmitter (LSR bit 5), as drivers do; PC16550D datasheet 8.6.3. */
GUEST16(serial_out, "mov $(1f - serial_out + 0x1000), %si\nmov $(2f - 1f), %cx\n"
                    "3: mov $0x3fd, %dx\n4: in %dx, %al\ntest $0x20, %al\njz 4b\n"
                    "mov $0x3f8, %dx\nlodsb\nout %al, %dx\nloop 3b\nhlt\n"
                    "1: .ascii \"sent by wire\\n\"\n2:");

static void serial_output(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_REAL, serial_out);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_string_equal(b.out, "sent by wire\n");
	box_close(&b);
}

/* Sends back what it hears, up to a 'q'.  LSR bit 0: there is a byte. */
GUEST16(serial_echo, "1: mov $0x3fd, %dx\n2: in %dx, %al\ntest $1, %al\njz 2b\n"
                     "mov $0x3f8, %dx\nin %dx, %al\nout %al, %dx\ncmp $0x71, %al\njne 1b\nhlt");

static void serial_input(void **state)
{
	static const char text[] = "a line long enough to fill the sixteen bytes of its FIFO more than once, q";
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_REAL, serial_echo);
	b.in = text;
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_string_equal(b.out, text);
	box_close(&b);
}

/* Nothing is heard for a while: the guest waits, and goes on where it was. */
static void serial_input_comes_late(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_REAL, serial_echo);
	b.in = "";
	assert_int_equal(snug_vcpu_run(b.cpu, 50 * MS, &b.x, &b.e), 0);
	assert_int_equal(b.x.kind, SNUG_EXIT_TIMEOUT);
	assert_string_equal(b.out, "");
	b.in = "q";
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_string_equal(b.out, "q");
	box_close(&b);
}

GUEST16(debugcon, "mov $0xe9, %dx\nin %dx, %al\nmov %al, %bl\nmov $0x402, %dx\nin %dx, %al\nmov %al, %bh\n"
                  "mov $65, %al\nout %al, %dx\nmov $66, %al\nout %al, $0xe9\nhlt");

static void debug_consoles(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_REAL, debugcon);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_string_equal(b.out, "AB");
	assert_int_equal(box_reg(&b, "rbx"), 0xe9e9);
	box_close(&b);
}

/* The bytes a firmware adds up to learn how much memory there is, in the order of `1:`. */
GUEST16(cmos, "mov $(1f - cmos + 0x1000), %si\nmov $(2f - 1f), %cx\n"
              "3: lodsb\nout %al, $0x70\nin $0x71, %al\nout %al, $0xe9\nloop 3b\nhlt\n"
              "1: .byte 0x15, 0x16, 0x17, 0x18, 0x30, 0x31, 0x34, 0x35, 0x5b, 0x5c, 0x5d\n2:");

static void cmos_says(uint64_t bytes)
{
	const uint64_t kib = 1024, mib = 1024 * kib, gap = 3072 * mib;
	uint64_t low = bytes < gap ? bytes : gap, high = bytes - low;
	uint64_t ext = (low - 1 * mib) / kib, ext2 = low > 16 * mib ? (low - 16 * mib) / (64 * kib) : 0;
	const uint8_t *at;
	struct box b;

	box_open(&b, (struct snug_config){.mem_bytes = bytes, .devices = SNUG_DEV_ALL});
	BOX_LOAD(&b, SNUG_MODE_REAL, cmos);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_int_equal(b.nout, 11);
	at = (const uint8_t *)b.out;
	assert_int_equal(at[0] | at[1] << 8, 640);
	assert_int_equal(at[2] | at[3] << 8, ext < 0xffff ? ext : 0xffff);
	assert_int_equal(at[4] | at[5] << 8, ext < 0xffff ? ext : 0xffff);
	assert_int_equal(at[6] | at[7] << 8, ext2);
	assert_int_equal(at[8] | at[9] << 8 | at[10] << 16, high / (64 * kib));
	box_close(&b);
}

static void cmos_memory_size(void **state)
{
	(void)state;
	cmos_says(2ull << 20);
	cmos_says(16ull << 20);
	cmos_says(64ull << 20);
	cmos_says(100ull << 20);
}

/* RAM above 4 GiB: 3 GiB below the gap, the rest above.  It is not touched, so it costs nothing. */
static void cmos_memory_size_above_4_gib(void **state)
{
	struct snug_config cfg = {.size = sizeof(cfg), .mem_bytes = 5ull << 30};
	snug_vm *vm = NULL;

	(void)state;
	if (snug_vm_new(&cfg, &vm, NULL) == -ENOMEM)
		skip(); /* the host has less */
	snug_vm_free(vm);
	cmos_says(5ull << 30);
}

/* A chip's range may be split over several accesses; a word at 0xe8 is nobody's, as its first byte is. */
GUEST16(beside, "mov $0x4142, %ax\nmov $0xe8, %dx\nout %ax, %dx\nhlt");

static void access_beside_a_device(void **state)
{
	struct box b;

	(void)state;
	BOX(&b, SNUG_MODE_REAL, beside);
	assert_exit(&b, SNUG_EXIT_PIO);
	assert_int_equal(b.x.pio.port, 0xe8);
	assert_int_equal(b.x.pio.size, 2);
	assert_exit(&b, SNUG_EXIT_HLT);
	assert_string_equal(b.out, "");
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(serial_output),          KVM_TEST(serial_input),     KVM_TEST(serial_input_comes_late),
	    KVM_TEST(debug_consoles),         KVM_TEST(cmos_memory_size), KVM_TEST(cmos_memory_size_above_4_gib),
	    KVM_TEST(access_beside_a_device),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}

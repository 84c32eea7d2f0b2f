/* SPDX-License-Identifier: MIT */
/* pc: the tables a PC's kernel reads, held against iasl where that is there; acpipm, pvpanic, the serial port's interrupt */
#include "guestmem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "dev/dev.h"
#include "table/pctab.h"

static const struct snug__pc_dev devs[] = {
    {"COM1", "PNP0501", 0x3f8, 8, 4}, {"RTC", "PNP0B00", 0x70, 2, 8}, {"PEVT", "QEMU0001", 0x505, 1, 0}};

static struct snug__pc pc_of(unsigned cpus)
{
	return (struct snug__pc){.cpus = cpus,
	                         .devs = devs,
	                         .dev_count = 3,
	                         .pm_port = 0x600,
	                         .sci = 9,
	                         .reset_port = 0xcf9,
	                         .renew_irq = 10};
}

static unsigned sum(const struct snug__mem *m, uint64_t at, unsigned len)
{
	unsigned s = 0;
	uint8_t b;

	for (unsigned i = 0; i < len; i++) {
		assert_int_equal(snug__mem_read(m, at + i, &b, 1), 0);
		s += b;
	}
	return s & 0xff;
}

static uint64_t word(const struct snug__mem *m, uint64_t at, unsigned bytes)
{
	uint8_t b[8] = {0};

	assert_int_equal(snug__mem_read(m, at, b, bytes), 0);
	return snug__le_load(b, bytes);
}

static void memory_map(void **state)
{
	struct snug__e820 rows[SNUG__E820_MAX];
	struct snug__mem *m = *state;
	struct snug_region rom = {.gpa = 0xfffff000, .bytes = 0x1000, .flags = SNUG_MEM_READONLY, .name = "rom"};
	struct snug_region high = {.gpa = 1ull << 32, .bytes = 1 << 20, .name = "high"};
	unsigned n;

	assert_int_equal(snug__mem_add(m, &rom, NULL), 0);
	assert_int_equal(snug__mem_add(m, &high, NULL), 0);
	n = snug__e820_make(m, rows);
	assert_int_equal(rows[0].base, 0);
	assert_int_equal(rows[0].bytes, SNUG__EBDA_GPA);
	for (unsigned i = 1; i < n; i++)
		assert_true(rows[i - 1].base + rows[i - 1].bytes <= rows[i].base);
	assert_int_equal(rows[n - 1].base, 1ull << 32);
	assert_int_equal(rows[n - 1].type, SNUG__E820_RAM);
	assert_int_equal(rows[n - 2].type, SNUG__E820_RESERVED);
}

static void mp_table(void **state)
{
	struct snug__pc pc = pc_of(3);
	uint64_t at = SNUG__MPTABLE_GPA, table;
	unsigned cpus = 0, entries;

	assert_int_equal(snug__mptable_write(&pc, *state), 0);
	assert_int_equal(word(*state, at, 4), 0x5f504d5f); /* _MP_ */
	assert_int_equal(sum(*state, at, 16), 0);
	table = word(*state, at + 4, 4);
	assert_int_equal(word(*state, table, 4), 0x504d4350); /* PCMP */
	assert_int_equal(sum(*state, table, (unsigned)word(*state, table + 4, 2)), 0);
	entries = (unsigned)word(*state, table + 34, 2);
	at = table + 44;
	for (unsigned i = 0; i < entries; i++) {
		bool cpu = word(*state, at, 1) == 0;

		if (cpu)
			assert_int_equal(word(*state, at + 1, 1), cpus++); /* its APIC id */
		at += cpu ? 20 : 8;
	}
	assert_int_equal(cpus, 3);
	assert_int_equal(at - table, word(*state, table + 4, 2));
	pc.cpus = 255;
	assert_int_equal(snug__mptable_write(&pc, *state), -E2BIG);
}

/* Writes a table to a file, and returns its length. */
static unsigned dump(const struct snug__mem *m, uint64_t at, const char *folder)
{
	unsigned len = (unsigned)word(m, at + 4, 4);
	uint8_t bytes[8192];
	char path[128];
	FILE *f;

	assert_true(len <= sizeof(bytes));
	assert_int_equal(snug__mem_read(m, at, bytes, len), 0);
	snprintf(path, sizeof(path), "%s/%.4s.dat", folder, (const char *)bytes);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
	return len;
}

static void acpi_tables(void **state)
{
	static const unsigned counts[] = {1, 4, 254};
	struct snug__mem *m = *state;
	char folder[] = "/tmp/snug-acpi-XXXXXX", command[256];

	assert_non_null(mkdtemp(folder));
	for (unsigned c = 0; c < 3; c++) {
		struct snug__pc pc = pc_of(counts[c]);
		snug_gpa rsdp, generation;
		uint64_t xsdt, fadt = 0;

		assert_int_equal(snug__acpi_write(&pc, m, &rsdp, &generation), 0);
		assert_int_equal(generation % 8, 0);
		assert_int_equal(word(m, rsdp, 8), 0x2052545020445352); /* "RSD PTR " */
		assert_int_equal(sum(m, rsdp, 20), 0);
		assert_int_equal(sum(m, rsdp, 36), 0);
		xsdt = word(m, rsdp + 24, 8);
		assert_int_equal(sum(m, xsdt, dump(m, xsdt, folder)), 0);
		for (uint64_t at = xsdt + 36; at < xsdt + word(m, xsdt + 4, 4); at += 8) {
			uint64_t table = word(m, at, 8);

			assert_int_equal(sum(m, table, dump(m, table, folder)), 0);
			if (word(m, table, 4) == 0x50434146)
				fadt = table;
		}
		assert_int_equal(word(m, fadt + 76, 4), 0x608);
		assert_int_equal(sum(m, word(m, fadt + 140, 8), dump(m, word(m, fadt + 140, 8), folder)), 0);
		snprintf(command, sizeof(command),
		         "cd %s && iasl -d *.dat >log 2>&1 && iasl -ve *.dsl >>log 2>&1 && "
		         "! grep -E '[1-9][0-9]* (Errors|Warnings)' log",
		         folder);
		if (access("/usr/bin/iasl", X_OK) == 0 && system(command) != 0)
			fail_msg("iasl is not content with the tables of %u vCPUs: %s/log", counts[c], folder);
	}
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

/* ---- Devices. */

struct world {
	uint64_t mono;
	unsigned asked;
	enum snug__dev_ask what;
	uint64_t value;
	bool irq;
	const char *in;
	struct snug_console console;
};

static void ask(void *ctx, enum snug__dev_ask what, uint64_t value)
{
	struct world *w = ctx;

	w->asked++;
	w->what = what;
	w->value = value;
}

static uint64_t now_ns(void *ctx)
{
	return ((struct world *)ctx)->mono;
}

static void irq(void *ctx, bool level)
{
	((struct world *)ctx)->irq = level;
}

static size_t input(void *ctx, void *bytes, size_t len)
{
	struct world *w = ctx;
	size_t n = w->in ? strnlen(w->in, len) : 0;

	if (n)
		memcpy(bytes, w->in, n);
	if (w->in)
		w->in += n;
	return n;
}

static void output(void *ctx, const void *bytes, size_t len)
{
	(void)ctx, (void)bytes, (void)len;
}

static void *make(const struct snug__dev_class *cls, struct world *w)
{
	struct snug__dev_env env = {.console = &w->console, .ask = ask, .now_ns = now_ns, .irq = irq, .ask_ctx = w};

	*w = (struct world){.mono = 1000, .console = {.write = output, .read = input, .ctx = w}};
	return cls->create(&env);
}

static void power_management(void **state)
{
	const struct snug__dev_class *c = &snug__dev_acpipm;
	uint8_t bytes[SNUG__DEV_STATE_MAX];
	struct world w;
	void *dev = make(c, &w);
	uint64_t t0;

	(void)state;
	assert_int_equal(c->ops.read(dev, 4, 2), 1); /* SCI_EN: ACPI is on */
	c->ops.write(dev, 2, 0xffff, 2);
	assert_int_equal(c->ops.read(dev, 0, 4), 0x0721u << 16);
	c->ops.write(dev, 0, 0xffff, 2);
	assert_int_equal(c->ops.read(dev, 0, 2), 0);
	t0 = c->ops.read(dev, 8, 4);
	w.mono += 1000000000;
	assert_in_range(c->ops.read(dev, 8, 4) - t0, 3579544, 3579546);
	c->ops.write(dev, 4, 0x1400, 2); /* a type alone is nothing */
	c->ops.write(dev, 4, 0x2000, 2); /* nor is another state */
	assert_int_equal(w.asked, 0);
	c->ops.write(dev, 4, 0x3400, 2);
	assert_int_equal(w.what, SNUG__ASK_POWEROFF);
	assert_int_equal(c->save(dev, bytes), 13);
	assert_int_equal(c->load(dev, bytes, 12), -EINVAL);
	bytes[1] = 2;
	assert_int_equal(c->load(dev, bytes, 13), -EINVAL);
	bytes[1] = 0x20;
	assert_int_equal(c->load(dev, bytes, 13), 0);
	c->destroy(dev);
}

static void panic(void **state)
{
	const struct snug__dev_class *c = &snug__dev_pvpanic;
	struct world w;
	void *dev = make(c, &w);

	(void)state;
	assert_int_equal(c->ops.read(dev, 0, 1), 3);
	c->ops.write(dev, 0, 4, 1);
	assert_int_equal(w.asked, 0);
	c->ops.write(dev, 0, 1, 1);
	assert_int_equal(w.what, SNUG__ASK_PANIC);
	assert_int_equal(w.value, 1);
	c->destroy(dev);
}

/* PC16550D, "Interrupt Identification Register": which of what is waiting is told, and what takes it away. */
static void serial_interrupts(void **state)
{
	const struct snug__dev_class *c = &snug__dev_serial;
	struct world w;
	void *dev = make(c, &w);

	(void)state;
	c->ops.write(dev, 4, 0x08, 1); /* OUT2 lets the line through */
	assert_false(w.irq);
	c->ops.write(dev, 1, 2, 1); /* the transmitter is empty */
	assert_true(w.irq);
	assert_int_equal(c->ops.read(dev, 2, 1) & 0x0f, 2);
	assert_false(w.irq); /* reading it takes it away */
	c->ops.write(dev, 0, 'x', 1);
	assert_true(w.irq);
	c->ops.write(dev, 1, 1, 1); /* bytes that came */
	assert_false(w.irq);
	w.in = "ab";
	c->input(dev);
	assert_true(w.irq);
	assert_int_equal(c->ops.read(dev, 2, 1) & 4, 4);
	assert_int_equal(c->ops.read(dev, 0, 1), 'a');
	c->ops.read(dev, 0, 1);
	assert_false(w.irq);
	w.in = "c";
	c->input(dev);
	c->ops.write(dev, 4, 0, 1);
	assert_false(w.irq);
	c->destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    GUESTMEM_TEST(memory_map),          GUESTMEM_TEST(mp_table), GUESTMEM_TEST(acpi_tables),
	    cmocka_unit_test(power_management), cmocka_unit_test(panic), cmocka_unit_test(serial_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

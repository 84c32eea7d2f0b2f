/* SPDX-License-Identifier: MIT */
/*
 * functions: a guest to be called: no program, but functions that a host calls one by one
 *
 *     struct snug_image im = {.path = "functions.elf", .mode = SNUG_MODE_USER, .flags = SNUG_IMAGE_SYMBOLS};
 *     struct snug_function add = {.name = "add", .count = 2, .args = {SNUG_INT(40), SNUG_INT(2)}};
 *
 *     snug_load(vm, &im, &e);
 *     snug_call(vm, &add, &result, &exit, &e);
 *
 * Nothing has to run first.  guest_main makes a table that crc32 is faster with: a host that runs the guest to its mark
 * "ready" and takes a baseline there (snug_mark_stop, snug_baseline) has it made once for all calls.
 *
 * Numbers are 64 bits wide: in the calling convention of x86-64 (psABI 3.2.3) what stands above a narrower argument in
 * its register is not said.
 */
#include <stddef.h>
#include <stdint.h>

#include <snug/guest.h>

int64_t add(int64_t a, int64_t b);
uint64_t fnv1a(const uint8_t *bytes, size_t len);
uint64_t crc32(const uint8_t *bytes, size_t len);
void sort(int64_t *values, size_t count);
uint64_t upper(char *text, size_t len);
uint64_t words(const char *text, size_t len);
uint64_t mandelbrot(uint16_t *row, size_t width, size_t height, size_t y, uint64_t limit);
void mean(const double *values, size_t count, double *out);
uint64_t forever(void);
uint64_t crash(void);
int64_t greet(const char *name);
int guest_main(void);

int64_t add(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* Fowler, Noll and Vo's hash, variant 1a, 64 bits. */
uint64_t fnv1a(const uint8_t *bytes, size_t len)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3;
	return h;
}

static uint32_t crc_table[256];
static volatile uint8_t crc_ready;

static uint32_t crc_step(uint32_t crc)
{
	for (int bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	return crc;
}

/* The checksum of Ethernet, gzip and PNG (ISO 3309). */
uint64_t crc32(const uint8_t *bytes, size_t len)
{
	uint32_t crc = 0xffffffff;
	uint8_t ready = crc_ready;

	for (size_t i = 0; i < len; i++) {
		uint8_t low = (uint8_t)(crc ^ bytes[i]);

		crc = crc >> 8 ^ (ready ? crc_table[low] : crc_step(low));
	}
	return crc ^ 0xffffffff;
}

static void sift(int64_t *v, size_t from, size_t count)
{
	int64_t moved = v[from];

	for (size_t child; (child = 2 * from + 1) < count; from = child) {
		if (child + 1 < count && v[child + 1] > v[child])
			child++;
		if (v[child] <= moved)
			break;
		v[from] = v[child];
	}
	v[from] = moved;
}

/* In place, by heapsort: no stack, and no input that makes it slow.  Pass it as SNUG_INOUT. */
void sort(int64_t *values, size_t count)
{
	for (size_t i = count / 2; i > 0; i--)
		sift(values, i - 1, count);
	for (size_t last = count; last > 1; last--) {
		int64_t largest = values[0];

		values[0] = values[last - 1];
		values[last - 1] = largest;
		sift(values, 0, last - 1);
	}
}

/* Makes capital letters of ASCII ones, and returns of how many. */
uint64_t upper(char *text, size_t len)
{
	uint64_t changed = 0;

	for (size_t i = 0; i < len; i++)
		if (text[i] >= 'a' && text[i] <= 'z') {
			text[i] = (char)(text[i] - 'a' + 'A');
			changed++;
		}
	return changed;
}

/* How many words there are between spaces. */
uint64_t words(const char *text, size_t len)
{
	uint64_t count = 0;

	for (size_t i = 0; i < len; i++) {
		int blank = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
		int before = i == 0 || text[i - 1] == ' ' || (text[i - 1] >= '\t' && text[i - 1] <= '\r');

		count += !blank && before;
	}
	return count;
}

/*
 * A row of a picture of the Mandelbrot set, in double precision: for each point how many steps it takes to get away, at
 * most `limit`.  Returns the sum.  Pass row as SNUG_OUT(row, 2 * width).
 */
uint64_t mandelbrot(uint16_t *row, size_t width, size_t height, size_t y, uint64_t limit)
{
	double ci = (double)y * 2.4 / (double)height - 1.2;
	uint64_t sum = 0;

	for (size_t x = 0; x < width; x++) {
		double cr = (double)x * 3.2 / (double)width - 2.2, r = 0, i = 0;
		uint64_t n = 0;

		while (n < limit && r * r + i * i <= 4) {
			double next = r * r - i * i + cr;

			i = 2 * r * i + ci;
			r = next;
			n++;
		}
		row[x] = (uint16_t)n;
		sum += n;
	}
	return sum;
}

/* A double would be returned in xmm0, and snug_call tells rax: so it goes into a buffer.  SNUG_OUT(&d, sizeof(d)). */
void mean(const double *values, size_t count, double *out)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += values[i];
	*out = count ? sum / (double)count : 0;
}

/* Never returns: for timeout_ns. */
uint64_t forever(void)
{
	for (volatile uint64_t n = 0;; n++)
		;
}

/* An instruction that is none: the call ends with SNUG_EXIT_FAULT, and the host goes on. */
uint64_t crash(void)
{
	__asm__ volatile("ud2");
	return 0;
}

/*
 * Calls the host's function "log" with a text of its own making; returns what that gave, or -SNUG_ENOSYS where the host
 * has none.  On the host: snug_host_add(vm, "log", "s", log_fn, NULL, &e).
 */
int64_t greet(const char *name)
{
	static const char hello[] = "hello, ";
	char text[64];
	size_t n = 0;

	for (const char *s = hello; *s; s++)
		text[n++] = *s;
	for (; *name && n + 1 < sizeof(text); name++)
		text[n++] = *name;
	text[n] = 0;
	return SNUG_HOST("log", text);
}

int guest_main(void)
{
	for (unsigned i = 0; i < 256; i++)
		crc_table[i] = crc_step(i);
	crc_ready = 1;
	snug_mark("ready");
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "load/unpack.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "host/map.h"

#ifdef SNUG_HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef SNUG_HAVE_LZMA
#include <lzma.h>
#endif
#ifdef SNUG_HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef SNUG_HAVE_LZ4
#include <lz4.h>
#endif

/*
 * Unpacks the first archive of `in` into `out`: how many bytes that gave, or -1: damaged, or longer.  `in` is what lies behind
 * it then.  lib has been loaded.
 */
typedef int64_t (*unpack_fn)(void *lib, struct snug__span *in, uint8_t *out, uint64_t room);

static void go_on(struct snug__span *in, uint64_t used)
{
	*in = (struct snug__span){in->at + used, in->len - used};
}

/* A function of a library, with the type the header gives it. */
#define FN(lib, name) ((__typeof__(&(name)))dlsym(lib, #name))

#ifdef SNUG_HAVE_ZLIB
#define GZIP 16 /* zlib.h: inflateInit2: a gzip header is wanted */

static int64_t gzip(void *lib, struct snug__span *in, uint8_t *out, uint64_t room)
{
	__typeof__(&inflateInit2_) init = FN(lib, inflateInit2_);
	__typeof__(&inflate) run = FN(lib, inflate);
	__typeof__(&inflateEnd) end = FN(lib, inflateEnd);
	z_stream z = {.next_in = (void *)(uintptr_t)in->at,
	              .avail_in = (uInt)in->len,
	              .next_out = out,
	              .avail_out = (uInt)room};
	int r;

	if (!init || !run || !end || in->len > UINT32_MAX || room > UINT32_MAX ||
	    init(&z, MAX_WBITS + GZIP, ZLIB_VERSION, (int)sizeof(z)) != Z_OK)
		return -1;
	r = run(&z, Z_FINISH);
	end(&z);
	go_on(in, in->len - z.avail_in);
	return r == Z_STREAM_END ? (int64_t)(room - z.avail_out) : -1;
}
#endif

#ifdef SNUG_HAVE_LZMA
#define LZMA_MEMORY (256ull << 20) /* kernels are packed with dictionaries of 32 MiB and less */

static int64_t lzma_any(void *lib, bool alone, struct snug__span *in, uint8_t *out, uint64_t room)
{
	__typeof__(&lzma_stream_decoder) xz_init = FN(lib, lzma_stream_decoder);
	__typeof__(&lzma_alone_decoder) lzma_init = FN(lib, lzma_alone_decoder);
	__typeof__(&lzma_code) run = FN(lib, lzma_code);
	__typeof__(&lzma_end) end = FN(lib, lzma_end);
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret r;

	if (!xz_init || !lzma_init || !run || !end)
		return -1;
	if ((alone ? lzma_init(&s, LZMA_MEMORY) : xz_init(&s, LZMA_MEMORY, 0)) != LZMA_OK)
		return -1;
	s.next_in = in->at;
	s.avail_in = in->len;
	s.next_out = out;
	s.avail_out = room;
	r = run(&s, LZMA_FINISH);
	end(&s);
	go_on(in, in->len - s.avail_in);
	return r == LZMA_STREAM_END ? (int64_t)(room - s.avail_out) : -1;
}

static int64_t xz(void *lib, struct snug__span *in, uint8_t *out, uint64_t room)
{
	return lzma_any(lib, false, in, out, room);
}

static int64_t lzma(void *lib, struct snug__span *in, uint8_t *out, uint64_t room)
{
	return lzma_any(lib, true, in, out, room);
}
#endif

#ifdef SNUG_HAVE_ZSTD
static int64_t zstd(void *lib, struct snug__span *in, uint8_t *out, uint64_t room)
{
	__typeof__(&ZSTD_decompress) run = FN(lib, ZSTD_decompress);
	__typeof__(&ZSTD_isError) failed = FN(lib, ZSTD_isError);
	__typeof__(&ZSTD_findFrameCompressedSize) frame = FN(lib, ZSTD_findFrameCompressedSize);
	size_t len, n;

	if (!run || !failed || !frame)
		return -1;
	len = frame(in->at, in->len);
	if (failed(len))
		return -1;
	n = run(out, room, in->at, len);
	go_on(in, len);
	return failed(n) ? -1 : (int64_t)n;
}
#endif

#ifdef SNUG_HAVE_LZ4
/* lz4's doc/lz4_Frame_format.md, "Legacy frame": a magic, then blocks: their packed length, and their bytes. */
#define LZ4_BLOCK (8ull << 20)

static int64_t lz4(void *lib, struct snug__span *in, uint8_t *out, uint64_t room)
{
	__typeof__(&LZ4_decompress_safe) run = FN(lib, LZ4_decompress_safe);
	struct snug__cursor c = {.span = *in, .at = 4};
	uint64_t done = 0;

	while (run && done < room && in->len - c.at > 4) {
		uint64_t len = snug__cursor_le(&c, 4);
		struct snug__span block = snug__span_sub(*in, c.at, len);
		int n;

		if (len == 0) { /* no block: what follows is none of it */
			c.at -= 4;
			break;
		}
		n = block.at && len <= INT32_MAX ? run((const char *)block.at, (char *)out + done, (int)len,
		                                       (int)snug__min(room - done, LZ4_BLOCK))
		                                 : -1;
		if (n < 0)
			return -1;
		done += (uint64_t)n;
		c.at += len;
	}
	go_on(in, c.at);
	return run ? (int64_t)done : -1;
}
#endif

/* Each format: Linux scripts/Makefile.lib makes them, lib/decompress.c tells them apart. */
static const struct format {
	const char *name, *lib, *package;
	uint8_t magic_len, magic[6];
	bool has_length; /* by itself, at its end; else Linux adds one */
	unpack_fn fn;
} formats[] = {
#ifdef SNUG_HAVE_ZLIB
    {"gzip", "libz.so.1", "zlib1g", 3, {0x1f, 0x8b, 8}, true, gzip},
#endif
#ifdef SNUG_HAVE_LZMA
    {"xz", "liblzma.so.5", "liblzma5", 6, {0xfd, '7', 'z', 'X', 'Z', 0}, false, xz},
    {"lzma", "liblzma.so.5", "liblzma5", 3, {0x5d, 0, 0}, false, lzma},
#endif
#ifdef SNUG_HAVE_ZSTD
    {"zstd", "libzstd.so.1", "libzstd1", 4, {0x28, 0xb5, 0x2f, 0xfd}, false, zstd},
#endif
#ifdef SNUG_HAVE_LZ4
    {"lz4", "liblz4.so.1", "liblz4-1", 4, {2, 0x21, 0x4c, 0x18}, false, lz4},
#endif
    {"", "", "", 0, {0}, false, NULL},
};

static const struct format *format_of(struct snug__span in)
{
	for (const struct format *f = formats; f->fn; f++)
		if (in.len > 8 && memcmp(in.at, f->magic, f->magic_len) == 0)
			return f;
	return NULL;
}

static uint64_t room_for(uint64_t len)
{
	return (len + SNUG_PAGE) & ~(SNUG_PAGE - 1);
}

void snug__unpack_free(uint8_t *bytes, uint64_t len)
{
	if (bytes)
		snug__map_free(bytes, room_for(len));
}

int snug__unpack(struct snug__span packed, uint64_t max, uint8_t **bytes, uint64_t *len, char why[96],
                 struct snug_error *err)
{
	const struct format *f = format_of(packed);
	uint64_t want;
	int64_t got;
	void *lib, *out;
	int r;

	if (!f) {
		snprintf(why, 96, "it is packed in a way this build does not know");
		return 0;
	}
	lib = dlopen(f->lib, RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		snprintf(why, 96, "%s (Debian: %s) could not be loaded", f->lib, f->package);
		return 0;
	}
	/* RFC 1952 2.3.1 ISIZE; Linux scripts/Makefile.lib, size_append: the last four bytes are the length unpacked. */
	want = snug__le_load(packed.at + packed.len - 4, 4);
	if (want > max) {
		dlclose(lib);
		return snug__err(err, -EFBIG, SNUG_STEP_NONE, "give the guest more memory (--mem)",
		                 "%s: unpacked it would have %llu bytes, and %llu fit", f->name,
		                 (unsigned long long)want, (unsigned long long)max);
	}
	r = snug__map_anon(room_for(want), &out, NULL);
	if (r < 0) {
		dlclose(lib);
		return snug__err(err, r, SNUG_STEP_NONE, "free some memory", "%s: no memory to unpack it", f->name);
	}
	snug__map_populate(out, room_for(want));
	got = f->fn(lib, &packed, out, want);
	dlclose(lib);
	if (want == 0 || got != (int64_t)want) {
		snug__unpack_free(out, want);
		return snug__err(err, -ENOEXEC, SNUG_STEP_NONE, "the file is damaged: make or copy it again",
		                 "%s: the packed kernel does not unpack to the %llu bytes it says", f->name,
		                 (unsigned long long)want);
	}
	*bytes = out;
	*len = want;
	return 1;
}

static bool all_zero(struct snug__span s)
{
	for (uint64_t i = 0; i < s.len; i++)
		if (s.at[i])
			return false;
	return true;
}

bool snug__unpack_whole(struct snug__span packed, uint64_t max, uint8_t **bytes, uint64_t *len)
{
	const struct format *f = format_of(packed);
	void *lib = f ? dlopen(f->lib, RTLD_NOW | RTLD_LOCAL) : NULL, *out = NULL;
	uint64_t room = max & ~(SNUG_PAGE - 1);
	int64_t got = -1;

	/* So that room_for what comes is no more. */
	if (lib && room > SNUG_PAGE && snug__map_anon(room, &out, NULL) == 0)
		got = f->fn(lib, &packed, out, room - SNUG_PAGE);
	if (lib)
		dlclose(lib);
	if (got <= 0 || !all_zero(packed)) {
		if (out)
			snug__map_free(out, room);
		return false;
	}
	if (room_for((uint64_t)got) < room)
		snug__map_free((uint8_t *)out + room_for((uint64_t)got), room - room_for((uint64_t)got));
	*bytes = out;
	*len = (uint64_t)got;
	return true;
}

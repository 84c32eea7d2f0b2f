/* SPDX-License-Identifier: MIT */
/*
 * raw_boot: the floor of a kernel's way into a guest: the file is read, its payload unpacked, its segments are put where
 * they go in fresh memory, and a VM with that memory runs once.  No error is explained: a failure is status 1.
 *
 * usage: raw_boot BZIMAGE
 */
#include <elf.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "raw.h"

#define MEMORY (256u << 20)

static uint32_t u32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static int gunzip(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	z_stream z = {
	    .next_in = (void *)(uintptr_t)in, .avail_in = (uInt)len, .next_out = out, .avail_out = (uInt)room};

	if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
		return -1;
	return inflate(&z, Z_FINISH) == Z_STREAM_END && inflateEnd(&z) == Z_OK ? 0 : -1;
}

static int unlz4(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	size_t at = 4, done = 0;

	while (done < room && at + 4 < len) {
		uint32_t n = u32(in + at);
		int got =
		    LZ4_decompress_safe((const char *)in + at + 4, (char *)out + done, (int)n, (int)(room - done));

		if (got < 0)
			return -1;
		done += (size_t)got;
		at += 4 + n;
	}
	return done == room ? 0 : -1;
}

static int place(const uint8_t *elf, uint8_t *mem)
{
	const Elf64_Ehdr *h = (const void *)elf;
	const Elf64_Phdr *p = (const void *)(elf + h->e_phoff);

	for (int i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD)
			memcpy(mem + p[i].p_paddr, elf + p[i].p_offset, p[i].p_filesz);
	return 0;
}

int main(int argc, char **argv)
{
	const struct raw_how how = {.mem_bytes = MEMORY, .fd = -1};
	struct raw_vm vm;
	struct stat st;
	uint8_t *file, *out;
	const uint8_t *payload;
	size_t len, room;
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 1;
	file = malloc((size_t)st.st_size);
	if (!file || read(fd, file, (size_t)st.st_size) != st.st_size)
		return 1;
	payload = file + (file[0x1f1] + 1ul) * 512 + u32(file + 0x248);
	len = u32(file + 0x24c);
	room = u32(payload + len - 4);
	out = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (out == MAP_FAILED || raw_new_how(&vm, &how) < 0)
		return 1;
	if ((payload[0] == 0x1f ? gunzip(payload, len, out, room) : unlz4(payload, len, out, room)) < 0)
		return 1;
	if (place(out, vm.mem) < 0 || raw_load(&vm, false, raw_guest, sizeof(raw_guest)) < 0)
		return 1;
	return raw_step(&vm) == KVM_EXIT_IO ? 0 : 1;
}

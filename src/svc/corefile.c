/* SPDX-License-Identifier: MIT */
#include "svc/corefile.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "svc/corenote.h"
#include "x86/walk.h"
#include "x86/x86.h"

/* A piece of memory as the guest sees it; it lies in one region. */
struct load {
	uint64_t linear, gpa, bytes;
	uint32_t flags; /* PF_* */
};

struct plan {
	const struct snug__mem *mem;
	bool wide; /* class 64 */
	bool cut;  /* there were more than fit */
	struct load *loads;
	unsigned count;
	uint64_t notes;  /* bytes of the notes */
	uint64_t header; /* bytes before the memory */
	uint64_t limit;  /* file offsets stay below it */
};

static bool add(struct plan *p, uint64_t linear, uint64_t gpa, uint64_t bytes, uint32_t flags)
{
	struct load *last = p->count ? &p->loads[p->count - 1] : NULL;

	if (last && last->linear + last->bytes == linear && last->gpa + last->bytes == gpa && last->flags == flags &&
	    snug__mem_find(p->mem, last->gpa) == snug__mem_find(p->mem, gpa)) {
		last->bytes += bytes;
		return true;
	}
	if (!p->loads || p->count == SNUG__CORE_LOADS)
		return false;
	p->loads[p->count++] = (struct load){linear, gpa, bytes, flags};
	return true;
}

/* The parts of a page that are memory. */
static bool add_page(void *ctx, const struct snug__page *page)
{
	uint32_t flags = PF_R | (page->write ? PF_W : 0) | (page->exec ? PF_X : 0);
	uint64_t done = 0;
	struct plan *p = ctx;

	while (done < page->bytes) {
		const struct snug__region *r = snug__mem_overlap(p->mem, page->gpa + done, page->bytes - done);
		uint64_t skip, n;

		if (!r)
			break;
		skip = r->gpa > page->gpa + done ? r->gpa - (page->gpa + done) : 0;
		done += skip;
		n = snug__min(page->bytes - done, r->gpa + r->bytes - (page->gpa + done));
		if (!add(p, page->linear + done, page->gpa + done, n, flags))
			return false;
		done += n;
	}
	return true;
}

/* Where in the file gpa is; UINT64_MAX: nowhere. */
static uint64_t offset_of(const struct plan *p, uint64_t gpa)
{
	uint64_t at = p->header;

	for (unsigned i = 0; i < p->mem->count; i++) {
		const struct snug__region *r = &p->mem->regions[i];

		if (!snug__within(at, r->bytes, p->limit))
			break;
		if (gpa - r->gpa < r->bytes)
			return at + (gpa - r->gpa);
		at += r->bytes;
	}
	return UINT64_MAX;
}

static void put_phdr(const struct plan *p, uint8_t *table, unsigned index, const Elf64_Phdr *h)
{
	Elf32_Phdr narrow = {
	    .p_type = h->p_type,
	    .p_flags = h->p_flags,
	    .p_offset = (Elf32_Off)h->p_offset,
	    .p_vaddr = (Elf32_Addr)h->p_vaddr,
	    .p_paddr = (Elf32_Addr)h->p_paddr,
	    .p_filesz = (Elf32_Word)h->p_filesz,
	    .p_memsz = (Elf32_Word)h->p_memsz,
	    .p_align = (Elf32_Word)h->p_align,
	};

	if (p->wide)
		memcpy(table + index * sizeof(*h), h, sizeof(*h));
	else
		memcpy(table + index * sizeof(narrow), &narrow, sizeof(narrow));
}

static void put_ehdr(const struct plan *p, uint8_t *at, unsigned phdrs)
{
	Elf64_Ehdr h = {
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_CORE,
	    .e_machine = EM_X86_64,
	    .e_version = EV_CURRENT,
	    .e_phoff = sizeof(h),
	    .e_ehsize = sizeof(h),
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = (Elf64_Half)phdrs,
	};
	Elf32_Ehdr n = {
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_CORE,
	    .e_machine = EM_386,
	    .e_version = EV_CURRENT,
	    .e_phoff = sizeof(n),
	    .e_ehsize = sizeof(n),
	    .e_phentsize = sizeof(Elf32_Phdr),
	    .e_phnum = (Elf32_Half)phdrs,
	};

	if (p->wide)
		memcpy(at, &h, sizeof(h));
	else
		memcpy(at, &n, sizeof(n));
}

_Static_assert(SNUG__CORE_LOADS + 1 < PN_XNUM, "e_phnum holds the number of headers");

/* Everything before the memory, into p->header zeroed bytes at `all`. */
static void put_header(struct plan *p, uint8_t *all, const struct snug__core_cpu *cpus, unsigned count, int signal)
{
	uint8_t *table = all + (p->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));
	uint8_t *notes = all + p->header - p->notes, *at = notes;
	Elf64_Phdr note = {.p_type = PT_NOTE, .p_align = 4}, load = {.p_type = PT_LOAD, .p_align = SNUG_PAGE};
	unsigned phdrs = 1;

	for (unsigned i = 0; i < count; i++)
		at = snug__corenote_cpu(at, &cpus[i], p->wide, i == 0 ? signal : 0);
	at = snug__corenote_memory(at, p->mem, p->header, p->limit, p->cut);
	note.p_offset = p->header - p->notes;
	note.p_filesz = (uint64_t)(at - notes);
	put_phdr(p, table, 0, &note);
	for (unsigned i = 0; i < p->count; i++) {
		const struct load *l = &p->loads[i];
		uint64_t offset = offset_of(p, l->gpa);

		if (offset == UINT64_MAX || (!p->wide && l->gpa > UINT32_MAX))
			continue; /* not in the file, or not to be told in 32 bits */
		load.p_flags = l->flags;
		load.p_offset = offset;
		load.p_vaddr = l->linear;
		load.p_paddr = l->gpa;
		load.p_filesz = load.p_memsz = l->bytes;
		put_phdr(p, table, phdrs++, &load);
	}
	put_ehdr(p, all, phdrs);
}

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, SNUG_PAGE - 1) == 0;
}

/* All pages but those of zeros, in runs of at most 1 MiB. */
static int write_region(const struct snug__region *r, uint64_t at, snug_core_fn write, void *ctx)
{
	const uint64_t most = 1 << 20;
	uint64_t run = 0;

	for (uint64_t off = 0; off <= r->bytes; off += SNUG_PAGE) {
		bool end = off == r->bytes || run == most || is_zero(r->host + off);
		int ret = end && run ? write(ctx, at + off - run, r->host + off - run, (size_t)run) : 0;

		if (ret < 0)
			return ret;
		if (end)
			run = 0;
		if (off < r->bytes && !is_zero(r->host + off))
			run += SNUG_PAGE;
	}
	return 0;
}

static int failed(int r, struct snug_error *err)
{
	return snug__err(err, r, SNUG_STEP_NONE, "look at where it is written to", "core file: write: %s (%s)",
	                 snug__errno_text(-r), snug__errno_name(-r));
}

static int write_all(const struct plan *p, const uint8_t *header, snug_core_fn write, void *ctx, uint64_t *bytes,
                     struct snug_error *err)
{
	uint64_t at = p->header;
	int r = write(ctx, 0, header, (size_t)p->header);

	for (unsigned i = 0; r >= 0 && i < p->mem->count; i++) {
		const struct snug__region *region = &p->mem->regions[i];

		if (!snug__within(at, region->bytes, p->limit))
			break;
		r = write_region(region, at, write, ctx);
		at += region->bytes;
	}
	if (r < 0)
		return failed(r, err);
	if (bytes)
		*bytes = at;
	return 0;
}

int snug__corefile_write(const struct snug__mem *mem, const struct snug__core_cpu *cpus, unsigned count, int signal,
                         snug_core_fn write, void *ctx, uint64_t *bytes, struct snug_error *err)
{
	bool wide = cpus[0].sregs.efer & X86_EFER_LMA;
	struct plan p = {.mem = mem, .wide = wide, .limit = wide ? INT64_MAX : UINT32_MAX};
	uint8_t *header = NULL;
	int r = -ENOMEM;

	p.loads = calloc(SNUG__CORE_LOADS, sizeof(*p.loads));
	if (p.loads) {
		p.cut = !snug__walk_pages(mem, &cpus[0].sregs, SNUG__CORE_BUDGET, add_page, &p);
		p.notes = (uint64_t)count * SNUG__CORE_CPU_BYTES + SNUG__CORE_MEM_BYTES +
		          (uint64_t)mem->count * SNUG__CORE_ROW;
		p.header = sizeof(Elf64_Ehdr) + (p.count + 1) * sizeof(Elf64_Phdr) + p.notes;
		p.header = (p.header + SNUG_PAGE - 1) & ~(SNUG_PAGE - 1);
		header = calloc(1, p.header);
	}
	if (header) {
		put_header(&p, header, cpus, count, signal);
		r = write_all(&p, header, write, ctx, bytes, err);
	} else {
		snug__err(err, r, SNUG_STEP_NONE, "free some memory", "core file: out of memory");
	}
	free(header);
	free(p.loads);
	return r;
}

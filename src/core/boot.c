/* SPDX-License-Identifier: MIT */
/* boot: from an image to a vCPU that can run it */
#include <errno.h>

#include "base/err.h"
#include "base/sized.h"
#include "core/core.h"
#include "host/file.h"
#include "host/kind.h"
#include "host/map.h"
#include "load/load.h"
#include "load/symbols.h"

static const snug__load_fn loaders[] = {
    [SNUG_KIND_FLAT] = snug__load_flat,
    [SNUG_KIND_ELF] = snug__load_elf,
    [SNUG_KIND_FIRMWARE] = snug__load_firmware,
};

/* Once for a VM: the region that holds GDT, IDT, TSS and page tables. */
static int need_tables(snug_vm *vm, struct snug_error *err)
{
	struct snug_region region = {.gpa = SNUG__TABLES_GPA, .name = "tables"};
	struct snug__tables plan;
	int r;

	if (vm->has_tables)
		return 0;
	/* Memory changes here, which another thread's vCPU must not meet half done. */
	for (unsigned i = 0; i < vm->cpus; i++)
		if (snug__kick_running(&vm->vcpus[i].kick))
			return snug__err(err, -EBUSY, SNUG_STEP_MEMORY, "set all vCPUs' modes before the first runs",
			                 "no memory for tables can be added: vCPU %u is running", i);
	r = snug__tables_plan(&plan, vm->ram_top, vm->cpus, err);
	if (r < 0)
		return r;
	region.bytes = plan.bytes;
	r = snug__mem_add(&vm->mem, &region, err);
	if (r < 0)
		return r;
	snug__map_populate(snug__mem_ptr(&vm->mem, region.gpa, region.bytes, false), region.bytes);
	vm->tables = plan;
	vm->has_tables = true;
	return 0;
}

static int check_host(enum snug_mode mode, struct snug_error *err)
{
	if (mode != SNUG_MODE_PAGED32 || snug__host_kind() != SNUG_HOST_PVM)
		return 0;
	return snug__err(err, -ENOTSUP, SNUG_STEP_SET_SREGS,
	                 "use protected or long mode here, or a host whose KVM runs on VT-x or SVM",
	                 "paged32 mode: kvm_pvm refuses 32-bit paging (CR0.PG without EFER.LME)");
}

int snug_vcpu_boot(snug_vcpu *vcpu, enum snug_mode mode, uint64_t entry, uint64_t stack, struct snug_error *err)
{
	struct snug__mode_tables t = {0};
	snug_vm *vm = vcpu->vm;
	struct snug_sregs s;
	struct snug_regs regs;
	int r = check_host(mode, err);

	if (r >= 0)
		r = snug_vcpu_get_sregs(vcpu, &s, err);
	if (r >= 0 && snug__mode_has_tables(mode)) {
		r = need_tables(vm, err);
		if (r >= 0)
			r = snug__tables_write(&vm->tables, mode, vcpu->index, &vm->mem, &t);
		if (r == -EFAULT)
			return snug__err(err, r, SNUG_STEP_SET_SREGS, "do not remove the region 'tables'",
			                 "the region for GDT, IDT and page tables is gone");
	}
	if (r >= 0)
		r = snug__mode_state(mode, entry, stack, &t, &s, &regs, err);
	/* What a guest before this one left in registers is no business of this one. */
	if (r >= 0 && vcpu->ran)
		r = snug__kvm_reset_rest(vcpu->kvm.fd, &vm->watch, err);
	if (mode == SNUG_MODE_RESET)
		regs.rdx = vcpu->signature;
	if (r >= 0)
		r = snug_vcpu_set_sregs(vcpu, &s, err);
	if (r >= 0)
		r = snug_vcpu_set_regs(vcpu, &regs, err);
	return r < 0 ? r : 0;
}

/* The names an image brings, where they are asked for; those of the image before go in any case. */
static int load_symbols(const struct snug_image *im, struct snug__span bytes, int kind, struct snug__symbols **out,
                        struct snug_error *err)
{
	if (!(im->flags & SNUG_IMAGE_SYMBOLS))
		return 0;
	if (kind != SNUG_KIND_ELF)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE,
		                 "load it without SNUG_IMAGE_SYMBOLS, or build an ELF file",
		                 "symbols: an image of kind %s has none", snug_kind_name((enum snug_kind)kind));
	return snug__symbols_read(bytes, out, err);
}

static int load_bytes(snug_vm *vm, const struct snug_image *im, struct snug__span bytes, struct snug_error *err)
{
	struct snug__boot_want want = {
	    .mode = im->mode,
	    .has_load = im->load || (im->flags & SNUG_IMAGE_LOAD),
	    .has_entry = im->entry || (im->flags & SNUG_IMAGE_ENTRY),
	    .load = im->load,
	    .entry = im->entry,
	    .stack = im->stack,
	};
	struct snug_boot boot = {.size = sizeof(boot)};
	struct snug__symbols *symbols = NULL;
	int kind = (int)im->kind;
	int r;

	if (kind == SNUG_KIND_AUTO) {
		kind = snug__detect(bytes, &want, err);
		if (kind < 0)
			return kind;
	}
	if (kind < 0 || (size_t)kind >= sizeof(loaders) / sizeof(loaders[0]) || !loaders[kind])
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "name one of enum snug_kind", "no image kind %d",
		                 kind);
	r = loaders[kind](bytes, &want, &vm->mem, &boot, err);
	/* An image that covers the vectors brings its own. */
	if (r >= 0)
		vm->has_ivt =
		    boot.mode == SNUG_MODE_REAL && boot.low >= SNUG__IVT_END && snug__ivt_write(&vm->mem) == 0;
	if (r >= 0)
		r = load_symbols(im, bytes, kind, &symbols, err);
	if (r >= 0)
		r = snug_vcpu_boot(&vm->vcpus[0], boot.mode, boot.entry, boot.stack, err);
	if (r < 0) {
		snug__symbols_drop(symbols);
		return r;
	}
	vm->boot = boot;
	snug__symbols_drop(vm->symbols);
	vm->symbols = symbols;
	return r;
}

static int load_path(snug_vm *vm, const struct snug_image *im, struct snug_error *err)
{
	struct snug__file f;
	int r = snug__file_read(im->path, &f, err);

	if (r < 0)
		return r;
	r = load_bytes(vm, im, (struct snug__span){f.bytes, f.len}, err);
	snug__file_free(&f);
	return r;
}

int snug_load(snug_vm *vm, const struct snug_image *image, struct snug_error *err)
{
	struct snug_image im;
	int r;

	if (!snug__sized_copy(&im, sizeof(im), image))
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_image) or 0",
		                 "image: size %zu", image->size);
	if (!im.path && !im.data && im.len)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set path, or data and len", "image: no bytes given");
	if (!im.path)
		return load_bytes(vm, &im, (struct snug__span){im.data, im.len}, err);
	r = load_path(vm, &im, err);
	return r < 0 ? snug__err_wrap(err, r, "load '%s'", im.path) : r;
}

int snug_symbol(const snug_vm *vm, const char *name, uint64_t *address, uint64_t *bytes)
{
	const struct snug__symbol *s = vm->symbols ? snug__symbols_find(vm->symbols, name) : NULL;

	if (!s)
		return -ENOENT;
	*address = s->address;
	if (bytes)
		*bytes = s->bytes;
	return 0;
}

const char *snug_symbol_name(const snug_vm *vm, size_t index, uint64_t *address)
{
	const struct snug__symbols *s = vm->symbols;

	if (!s || index >= s->count)
		return NULL;
	if (address)
		*address = s->rows[index].address;
	return s->names + s->rows[index].name;
}

int snug_loaded(const snug_vm *vm, struct snug_boot *out)
{
	if (vm->boot.kind == SNUG_KIND_AUTO)
		return -ENOENT;
	*out = vm->boot;
	return 0;
}

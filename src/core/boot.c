/* SPDX-License-Identifier: MIT */
/* boot: from an image to a vCPU that can run it */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/sized.h"
#include "core/core.h"
#include "core/pc.h"
#include "host/file.h"
#include "host/kind.h"
#include "host/map.h"
#include "load/load.h"
#include "load/symbols.h"

static const snug__load_fn loaders[] = {
    [SNUG_KIND_FLAT] = snug__load_flat,         [SNUG_KIND_ELF] = snug__load_elf,
    [SNUG_KIND_FIRMWARE] = snug__load_firmware, [SNUG_KIND_LINUX] = snug__load_linux,
    [SNUG_KIND_PVH] = snug__load_pvh,           [SNUG_KIND_MULTIBOOT] = snug__load_multiboot,
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

/* What a boot protocol wants in registers, besides what the mode says. */
static void add_regs(struct snug_regs *regs, const struct snug_regs *more)
{
	regs->rax = more->rax;
	regs->rbx = more->rbx;
	regs->rcx = more->rcx;
	regs->rsi = more->rsi;
	regs->rdi = more->rdi;
	regs->rbp = more->rbp;
}

static int boot_vcpu(snug_vcpu *vcpu, enum snug_mode mode, uint64_t entry, uint64_t stack,
                     const struct snug_regs *more, struct snug_error *err)
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
	if (r >= 0 && more)
		add_regs(&regs, more);
	if (mode == SNUG_MODE_RESET)
		regs.rdx = vcpu->signature;
	if (r >= 0)
		r = snug_vcpu_set_sregs(vcpu, &s, err);
	if (r >= 0)
		r = snug_vcpu_set_regs(vcpu, &regs, err);
	return r < 0 ? r : 0;
}

int snug_vcpu_boot(snug_vcpu *vcpu, enum snug_mode mode, uint64_t entry, uint64_t stack, struct snug_error *err)
{
	return boot_vcpu(vcpu, mode, entry, stack, NULL, err);
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

/* Kernels are told of the machine they are on, if it is a PC. */
static int describe(snug_vm *vm, int kind, struct snug__boot_machine *machine, struct snug__boot_want *want,
                    struct snug_error *err)
{
	bool kernel = kind == SNUG_KIND_LINUX || kind == SNUG_KIND_PVH || kind == SNUG_KIND_MULTIBOOT;
	int r = vm->pc && kernel ? snug__pc_tables(vm, machine, err) : 0;

	want->machine = vm->pc && kernel && r >= 0 ? machine : NULL;
	return r;
}

static int load_bytes(snug_vm *vm, const struct snug_image *im, struct snug__span bytes,
                      const struct snug__module *modules, struct snug_error *err)
{
	struct snug__boot_want want = {
	    .mode = im->mode,
	    .has_load = im->load || (im->flags & SNUG_IMAGE_LOAD),
	    .has_entry = im->entry || (im->flags & SNUG_IMAGE_ENTRY),
	    .load = im->load,
	    .entry = im->entry,
	    .stack = im->stack,
	    .cmdline = im->cmdline,
	    .modules = modules,
	    .module_count = im->module_count,
	};
	struct snug__boot_machine machine;
	struct snug_regs regs = {0};
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
	want.unpack = kind == SNUG_KIND_LINUX && im->module_count && snug__vm_kind(vm) == SNUG_HOST_PVM;
	r = describe(vm, kind, &machine, &want, err);
	if (r >= 0)
		r = loaders[kind](bytes, &want, &vm->mem, &boot, &regs, err);
	/* An image that covers the vectors brings its own. */
	if (r >= 0)
		vm->has_ivt =
		    boot.mode == SNUG_MODE_REAL && boot.low >= SNUG__IVT_END && snug__ivt_write(&vm->mem) == 0;
	if (r >= 0)
		r = load_symbols(im, bytes, kind, &symbols, err);
	if (r >= 0)
		r = boot_vcpu(&vm->vcpus[0], boot.mode, boot.entry, boot.stack, &regs, err);
	if (r < 0) {
		snug__symbols_drop(symbols);
		return r;
	}
	vm->boot = boot;
	snug__symbols_drop(vm->symbols);
	vm->symbols = symbols;
	return r;
}

/* An image or a module: the bytes given, or those of a file, which are in *f then. */
static int bytes_of(const char *path, const void *data, size_t len, struct snug__file *f, struct snug__span *out,
                    struct snug_error *err)
{
	int r;

	*f = (struct snug__file){0};
	*out = (struct snug__span){0};
	if (!path && !data && len)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set path, or data and len", "image: no bytes given");
	*out = (struct snug__span){data, len};
	if (!path)
		return 0;
	r = snug__file_read(path, f, err);
	*out = (struct snug__span){f->bytes, f->len};
	return r < 0 ? snug__err_wrap(err, r, "load '%s'", path) : 0;
}

/* Files of modules, open for as long as the loader looks at them. */
struct modules {
	struct snug__file file[SNUG_MODULES_MAX];
	struct snug__module row[SNUG_MODULES_MAX];
};

static int modules_read(const struct snug_image *im, struct modules *m, struct snug_error *err)
{
	int r = 0;

	if (im->module_count > SNUG_MODULES_MAX)
		return snug__err(err, -EINVAL, SNUG_STEP_NONE, "leave some out", "image: %u modules, at most %d",
		                 im->module_count, SNUG_MODULES_MAX);
	for (unsigned i = 0; r >= 0 && i < im->module_count; i++) {
		const struct snug_module *want = &im->modules[i];

		m->row[i].args = want->args ? want->args : "";
		r = bytes_of(want->path, want->data, want->len, &m->file[i], &m->row[i].bytes, err);
	}
	return r;
}

static int load_image(snug_vm *vm, const struct snug_image *im, struct snug_error *err)
{
	struct modules *m = calloc(1, sizeof(*m));
	struct snug__file f = {0};
	struct snug__span bytes = {0};
	int r;

	if (!m)
		return snug__err(err, -ENOMEM, SNUG_STEP_NONE, "free some memory", "image: out of memory");
	r = modules_read(im, m, err);
	if (r >= 0)
		r = bytes_of(im->path, im->data, im->len, &f, &bytes, err);
	if (r >= 0) {
		r = load_bytes(vm, im, bytes, m->row, err);
		if (r < 0 && im->path)
			snug__err_wrap(err, r, "load '%s'", im->path);
	}
	snug__file_free(&f);
	for (unsigned i = 0; i < SNUG_MODULES_MAX; i++)
		snug__file_free(&m->file[i]);
	free(m);
	return r;
}

static int bad_size(const struct snug_image *image, struct snug_error *err)
{
	return snug__err(err, -EINVAL, SNUG_STEP_NONE, "set it to sizeof(struct snug_image) or 0", "image: size %zu",
	                 image->size);
}

/* What tells its kind: of an ELF file all of it, for its notes lie anywhere; else no more than its first bytes. */
static int telling_bytes(const struct snug_image *im, struct snug__file *f, struct snug__span *out,
                         struct snug_error *err)
{
	int r;

	if (!im->path)
		return bytes_of(NULL, im->data, im->len, f, out, err);
	r = snug__file_head(im->path, f, err);
	if (r < 0)
		return snug__err_wrap(err, r, "load '%s'", im->path);
	*out = (struct snug__span){f->bytes, f->len};
	if (!snug__is_elf(*out))
		return 0;
	snug__file_free(f);
	return bytes_of(im->path, NULL, 0, f, out, err);
}

int snug_detect(const struct snug_image *image, struct snug_error *err)
{
	struct snug__file f = {0};
	struct snug__span bytes = {0};
	struct snug_image im;
	int r;

	if (!snug__sized_copy(&im, sizeof(im), image))
		return bad_size(image, err);
	if (im.kind != SNUG_KIND_AUTO)
		return (int)im.kind;
	r = telling_bytes(&im, &f, &bytes, err);
	if (r >= 0) {
		struct snug__boot_want want = {
		    .mode = im.mode,
		    .has_load = im.load || (im.flags & SNUG_IMAGE_LOAD),
		    .has_entry = im.entry || (im.flags & SNUG_IMAGE_ENTRY),
		};

		r = snug__detect(bytes, &want, err);
		if (r < 0 && im.path)
			snug__err_wrap(err, r, "load '%s'", im.path);
	}
	snug__file_free(&f);
	return r;
}

int snug_load(snug_vm *vm, const struct snug_image *image, struct snug_error *err)
{
	struct snug_image im;

	if (!snug__sized_copy(&im, sizeof(im), image))
		return bad_size(image, err);
	return load_image(vm, &im, err);
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

/* SPDX-License-Identifier: MIT */
/* equivalence: stopped at any exit, a guest goes on the same after a reset, as a clone, and from a file */
#include "../vmtest.h"

#include "x86/x86.h"

#ifdef __SANITIZE_ADDRESS__
#define STOPS 3
#else
#define STOPS 12
#endif

/* The state that is easiest to lose, used across exits: vector and x87 registers, MXCSR, debug registers, MSRs. */
#define PUT(reg) "mov " reg ", %rax\nout %eax, $0xe9\nshr $32, %rax\nout %eax, $0xe9\n"
#define DONE "mov $0x5e0, %edx\nmov $7, %eax\nout %eax, %dx"

GUEST64(
    sse,
    "mov $20, %ecx\nmov $0x3ff00000, %eax\nshl $32, %rax\nmovq %rax, %xmm0\nmovq %rax, %xmm15\n"
    "1: addsd %xmm15, %xmm0\nmulsd %xmm0, %xmm15\npunpcklqdq %xmm15, %xmm7\n" PUT("%rcx") "movq %xmm15, %rbx\n" PUT(
        "%rbx") "dec %ecx\njnz 1b\nmovhlps %xmm7, %xmm7\nmovq %xmm7, %rbx\n" PUT("%rbx") DONE);
GUEST64(avx,
        "mov $20, %ecx\nvpcmpeqd %ymm9, %ymm9, %ymm9\n1: vpaddd %ymm9, %ymm3, %ymm3\nvpxor %ymm3, %ymm4, %ymm4\n" PUT(
            "%rcx") "vextracti128 $1, %ymm4, %xmm1\nvmovq %xmm1, %rbx\n" PUT("%rbx") "dec %ecx\njnz 1b\n" DONE);
GUEST64(x87, "mov $20, %ecx\nfninit\nfldpi\nfld1\n1: fadd %st(1), %st\nsub $16, %rsp\nfstl (%rsp)\nmov (%rsp), %rbx\n"
             "add $16, %rsp\n" PUT("%rbx") "dec %ecx\njnz 1b\n" DONE);
GUEST64(mxcsr, "mov $8, %ecx\npushq $0x3f80\nldmxcsr (%rsp)\n1: stmxcsr (%rsp)\nmov (%rsp), %rbx\n" PUT(
                   "%rbx") "dec %ecx\njnz 1b\n" DONE);
GUEST64(debugregs,
        "mov $0x1234560, %rax\nmov %rax, %dr0\nadd $8, %rax\nmov %rax, %dr1\nadd $8, %rax\nmov %rax, %dr3\n"
        "mov $9, %ecx\n1: mov %dr0, %rbx\n" PUT("%rbx") "inc %rbx\nmov %rbx, %dr0\nmov %dr3, %rbx\n" PUT(
            "%rbx") "mov %dr7, %rbx\n" PUT("%rbx") "dec %ecx\njnz 1b\n" DONE);
GUEST64(
    msrs,
    "mov $9, %esi\nmov $0xc0000082, %ecx\nmov $0x1000, %eax\nxor %edx, %edx\n1: wrmsr\nrdmsr\nmov %rax, %rbx\n" PUT(
        "%rbx") "mov %rbx, %rax\nadd $0x10, %eax\nxor %edx, %edx\nxor $0x180, %ecx\n"
                "cmp $0xc0000102, %ecx\nje 2f\nmov $0xc0000082, %ecx\n2: dec %esi\njnz 1b\n" DONE);
GUEST64(memory,
        "mov $0x200000, %edi\nmov $40, %ecx\n1: mov %rcx, (%rdi)\nadd %rcx, 0x800(%rdi)\nadd $0x1800, %rdi\n" PUT(
            "%rdi") "dec %ecx\njnz 1b\nlea -0x1800(%rdi), %rsi\nmov 0x800(%rsi), %rbx\n" PUT("%rbx") DONE);
GUEST64(strings,
        "mov $30, %ebx\n1: lea 9f(%rip), %rsi\nmov $6, %ecx\nmov $0xe9, %edx\ncld\nrep outsb\ndec %ebx\njnz 1b\n" DONE
        "\n9: .ascii \"string\"");

struct guest {
	const char *name;
	const uint8_t *code, *end;
	const char *file;
	enum snug_mode mode;
};
#define INLINE(g, mode)                                                                                              \
	{                                                                                                            \
#g, g, g##_end, NULL, mode                                                                           \
	}
#define FILE_OF(dir, name, mode)                                                                                     \
	{                                                                                                            \
		name, NULL, NULL, dir "/" name, mode                                                                 \
	}

static const struct guest guests[] = {
    INLINE(sse, SNUG_MODE_USER),
    INLINE(avx, SNUG_MODE_USER),
    INLINE(x87, SNUG_MODE_USER),
    INLINE(mxcsr, SNUG_MODE_USER),
    INLINE(debugregs, SNUG_MODE_LONG),
    INLINE(msrs, SNUG_MODE_LONG),
    INLINE(memory, SNUG_MODE_USER),
    INLINE(memory, SNUG_MODE_LONG),
    INLINE(strings, SNUG_MODE_USER),
    INLINE(strings, SNUG_MODE_LONG),
    FILE_OF(GUESTS_DIR, "demo_real.bin", SNUG_MODE_REAL),
    FILE_OF(GUESTS_DIR, "demo_protected.bin", SNUG_MODE_PROTECTED),
    FILE_OF(GUESTS_DIR, "demo_long.bin", SNUG_MODE_LONG),
    FILE_OF(GUESTS_DIR, "demo_user.bin", SNUG_MODE_USER),
    FILE_OF(GUESTS_DIR, "hello.bin", SNUG_MODE_REAL),
    FILE_OF(GUESTS_DIR, "hello64.elf", SNUG_MODE_LONG),
    FILE_OF(GUESTS_DIR, "marks.elf", SNUG_MODE_LONG),
    FILE_OF(TEST_GUESTS_DIR, "allports_real.bin", SNUG_MODE_REAL),
    FILE_OF(TEST_GUESTS_DIR, "allports_protected.bin", SNUG_MODE_PROTECTED),
    FILE_OF(TEST_GUESTS_DIR, "allports_long.bin", SNUG_MODE_LONG),
    FILE_OF(TEST_GUESTS_DIR, "allports_user.bin", SNUG_MODE_USER),
};
#define GUESTS (sizeof(guests) / sizeof(guests[0]))

/* Kicks the vCPU after so many KVM_RUNs. */
struct stop {
	struct box *box;
	unsigned runs, at; /* at 0: never */
};

static void count_runs(void *ctx, const struct snug_call *call)
{
	struct stop *s = ctx;

	if (call->step == SNUG_STEP_RUN && !strcmp(call->name, "KVM_RUN") && ++s->runs == s->at)
		snug_vcpu_kick(s->box->cpu);
}

static void start(const struct guest *g, struct box *b, struct stop *s)
{
	struct snug_image im = {.data = g->code, .len = (size_t)(g->end - g->code), .path = g->file, .mode = g->mode};

	if (g->code)
		im.kind = SNUG_KIND_FLAT;
	box_open(b, (struct snug_config){.mem_bytes = 4 << 20,
	                                 .devices = SNUG_DEV_ALL,
	                                 .unclaimed = SNUG_UNCLAIMED_IGNORE,
	                                 .on_call = count_runs,
	                                 .on_call_ctx = s});
	s->box = b;
	s->runs = 0;
	b->in = "input";
	if (snug_load(b->vm, &im, &b->e) < 0)
		fail_msg("%s", b->e.msg);
}

static bool has_avx(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192];
	bool has = false;

	while (f && !has && fgets(line, sizeof(line), f))
		has = strncmp(line, "flags", 5) == 0 && strstr(line, " avx2") != NULL;
	if (f)
		fclose(f);
	return has;
}

static void any_exit(void **state)
{
	const struct guest *g = *state;
	struct box b, ref;
	struct stop s = {0};
	uint64_t seed = 0x9e3779b97f4a7c15ull;
	unsigned total;

	if (g->code == avx && (!has_avx() || !host_is_pvm()))
		skip(); /* hardware wants CR4.OSXSAVE, which our user mode does not set */
	start(g, &ref, &s);
	if (snug_vcpu_run(ref.cpu, PATIENCE, &ref.x, &ref.e) < 0)
		fail_msg("%s", ref.e.msg);
	total = s.runs;
	for (unsigned i = 0; i < STOPS; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		s.at = i ? 1 + (unsigned)(seed >> 33) % total : 0;
		start(g, &b, &s);
		if (s.at) {
			if (snug_vcpu_run(b.cpu, PATIENCE, &b.x, &b.e) < 0)
				fail_msg("%s", b.e.msg);
			s.at = 0;
		}
		if (b.x.kind == SNUG_EXIT_NONE || b.x.kind == SNUG_EXIT_KICKED)
			box_run(&b);
		assert_int_equal(b.x.kind, ref.x.kind);
		assert_int_equal(b.nout, ref.nout);
		assert_memory_equal(b.out, ref.out, ref.nout);
		box_close(&b);
	}
	box_close(&ref);
}

/* An exception that waits to be delivered is part of the state. */
static void pending_exception(void **state)
{
	static const uint8_t vectors[] = {X86_VECTOR_UD, X86_VECTOR_DE, X86_VECTOR_GP};
	struct kvm_vcpu_events ev;
	struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof(vectors); i++) {
		BOX(&b, SNUG_MODE_LONG, memory);
		assert_int_equal(snug__kvm_get_events(b.cpu->kvm.fd, &ev, &b.vm->watch, NULL), 0);
		ev.exception.injected = 1;
		ev.exception.nr = vectors[i];
		ev.exception.has_error_code = vectors[i] == X86_VECTOR_GP;
		ev.exception.error_code = 0x18;
		assert_int_equal(snug__kvm_set_events(b.cpu->kvm.fd, &ev, &b.vm->watch, NULL), 0);
		assert_exit(&b, SNUG_EXIT_FAULT);
		assert_int_equal(b.x.fault.vector, vectors[i]);
		assert_int_equal(b.x.fault.rip, BASE);
		box_close(&b);
	}
}

/* The comparison above compared something. */
static void lives_were_compared(void **state)
{
	(void)state;
	assert_true(lives > GUESTS);
}

int main(void)
{
	static struct guarded guards[GUESTS];
	struct CMUnitTest tests[GUESTS + 2];

	for (size_t i = 0; i < GUESTS; i++) {
		guards[i] = (struct guarded){any_exit, &guests[i]};
		tests[i] = (struct CMUnitTest){guests[i].name, run_guarded, NULL, NULL, &guards[i]};
	}
	tests[GUESTS] = (struct CMUnitTest)KVM_TEST(pending_exception);
	tests[GUESTS + 1] = (struct CMUnitTest)KVM_TEST(lives_were_compared);
	return _cmocka_run_group_tests("equivalence", tests, GUESTS + 2, NULL, NULL);
}

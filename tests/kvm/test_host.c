/* SPDX-License-Identifier: MIT */
/* host: what is told of the host agrees with what the host does */
#include "../vmtest.h"

static struct snug_host look(void)
{
	struct snug_host h = {.size = sizeof(h)};
	struct snug_error e;

	if (snug_host_info(NULL, &h, &e) < 0)
		fail_msg("%s", e.msg);
	return h;
}

static void facts(void **state)
{
	struct snug_host h = look();

	(void)state;
	assert_int_equal(h.api_version, 12); /* KVM 4.1 */
	assert_true(h.max_vcpus >= 1);
	assert_true(h.mem_slots >= 32);
	assert_int_equal(h.paged32, h.kind != SNUG_HOST_PVM);
	assert_string_not_equal(snug_host_name(h.kind), "?");
}

/* The word as a whole among the flags of /proc/cpuinfo. */
static bool cpu_has(const char *flag)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[8192], word[32];
	bool has = false;

	assert_non_null(f);
	snprintf(word, sizeof(word), " %s ", flag);
	while (!has && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = ' ';
		has = strncmp(line, "flags", 5) == 0 && strstr(line, word);
	}
	fclose(f);
	return has;
}

static void kind(void **state)
{
	enum snug_host_kind k = look().kind;

	(void)state;
	if (cpu_has("vmx"))
		assert_int_equal(k, SNUG_HOST_VMX);
	else if (cpu_has("svm"))
		assert_int_equal(k, SNUG_HOST_SVM);
	else if (access("/sys/module/kvm_pvm", F_OK) == 0)
		assert_int_equal(k, SNUG_HOST_PVM);
	else
		assert_int_equal(k, SNUG_HOST_UNKNOWN);
}

static void capabilities(void **state)
{
	struct snug_cap caps[64] = {{0}}, one[2] = {{0}};
	unsigned required = 0;
	int n = snug_host_caps(NULL, caps, 64, NULL);

	(void)state;
	assert_in_range(n, 8, 64);
	for (int i = 0; i < n; i++) {
		assert_int_equal(strncmp(caps[i].name, "KVM_CAP_", 8), 0);
		assert_true(caps[i].lost[0]);
		assert_true(caps[i].value >= 0);
		required += caps[i].required;
		if (caps[i].required)
			assert_true(caps[i].value > 0); /* or no other test could run */
	}
	assert_in_range(required, 1, (unsigned)n - 1);
	assert_int_equal(snug_host_caps(NULL, one, 1, NULL), n);
	assert_string_equal(one[0].name, caps[0].name);
	assert_null(one[1].name);
	assert_int_equal(snug_host_caps(NULL, NULL, 0, NULL), n);
}

static void what_it_says_of_vcpus_is_so(void **state)
{
	struct snug_config cfg = {.size = sizeof(cfg), .mem_bytes = 4096, .cpus = look().max_vcpus + 1};
	struct snug_error e;
	snug_vm *vm = NULL;

	(void)state;
	assert_int_equal(snug_vm_new(&cfg, &vm, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "vCPUs"));
	assert_null(vm);
}

/* Each mode the host is said to run does run: hlt, or at CPL 3 its refusal. */
static void modes(void **state)
{
	struct snug_host h = look();
	struct box b;

	(void)state;
	for (int m = SNUG_MODE_REAL; m <= SNUG_MODE_USER; m++) {
		struct snug_image im = {.data = "\xf4", .len = 1, .mode = (enum snug_mode)m};
		int want = m == SNUG_MODE_PAGED32 && !h.paged32 ? -ENOTSUP : 0;

		box_open(&b, (struct snug_config){0});
		assert_int_equal(snug_load(b.vm, &im, &b.e), want);
		if (want == 0)
			assert_exit(&b, m == SNUG_MODE_USER ? SNUG_EXIT_FAULT : SNUG_EXIT_HLT);
		box_close(&b);
	}
}

static void no_such_device(void **state)
{
	struct snug_host h = {.api_version = 77};
	struct snug_error e;

	(void)state;
	assert_int_equal(snug_host_info("/nowhere/kvm", &h, &e), -ENOENT);
	assert_int_equal(h.api_version, 77);
	assert_non_null(strstr(e.msg, "/nowhere/kvm"));
	assert_int_equal(snug_host_info("/dev/null", &h, &e), -ENOTTY);
	assert_int_equal(e.step, SNUG_STEP_VERSION);
	assert_int_equal(snug_host_caps("/dev/null", NULL, 0, &e), -ENOTTY);
	assert_int_equal(snug_host_caps("/nowhere/kvm", NULL, 0, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KVM_TEST(facts), KVM_TEST(kind),           KVM_TEST(capabilities), KVM_TEST(what_it_says_of_vcpus_is_so),
	    KVM_TEST(modes), KVM_TEST(no_such_device),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}

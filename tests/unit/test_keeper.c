/* SPDX-License-Identifier: MIT */
/* The keeper of files against a confined process that was taken over: whatever is asked of it, it makes the files of the
 * command line and no others, and it ends with its child. */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"

#define MESSAGES 20000

static char folder[64];

static char *in_folder(char *path, const char *name)
{
	snprintf(path, 128, "%s/%s", folder, name);
	return path;
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/snug-keeper-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

/* How many files there are; they go. */
static unsigned empty(void)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	char path[512];
	unsigned n = 0;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
			unlink(path);
			n++;
		}
	if (d)
		closedir(d);
	return n;
}

static int teardown(void **state)
{
	(void)state;
	empty();
	return rmdir(folder);
}

/* A keeper of --json and --save with a child that does so; the keeper's exit status. */
static int serve(int (*child)(int sock))
{
	char json[128], save[128];
	struct cli_args args = {.json = in_folder(json, "json"), .save = in_folder(save, "save")};
	pid_t keeper;
	int status;

#ifdef __SANITIZE_ADDRESS__
	skip(); /* the keeper confines itself, and the runtime of a sanitizer asks for more than its table has */
#endif
	keeper = fork();

	if (keeper == 0) {
		struct cli_keeper k;
		sigset_t mask;
		pid_t pid;

		if (cli_keeper_open(&k, &args) < 0)
			_exit(100);
		cli_keeper_block(&mask);
		pid = fork();
		if (pid == 0) {
			cli_keeper_forget(&k);
			_exit(child(k.theirs));
		}
		_exit(cli_keeper_serve(&k, pid, &mask));
	}
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	return status;
}

static int well_behaved(int sock)
{
	int fd = -1;

	if (cli_keeper_ask(sock, CLI_KEEPER_CHECK, CLI_FILE_JSON, NULL) != 0 ||
	    cli_keeper_ask(sock, CLI_KEEPER_OPEN, CLI_FILE_JSON, &fd) != 0 || fd < 0 || write(fd, "{}", 2) != 2 ||
	    cli_keeper_ask(sock, CLI_KEEPER_FINISH, CLI_FILE_JSON, NULL) != 0)
		return 1;
	/* The other is begun, and not finished. */
	return cli_keeper_ask(sock, CLI_KEEPER_OPEN, CLI_FILE_SAVE, &fd) == 0 ? 7 : 1;
}

static void files_appear_whole_or_not(void **state)
{
	int status = serve(well_behaved);
	struct stat st;
	char path[128];

	(void)state;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	assert_int_equal(stat(in_folder(path, "json"), &st), 0);
	assert_int_equal(st.st_size, 2);
	assert_int_equal(empty(), 1);
}

static int out_of_turn(int sock)
{
	int fd = -1;

	return cli_keeper_ask(sock, CLI_KEEPER_FINISH, CLI_FILE_JSON, NULL) == -EBADF &&
	               cli_keeper_ask(sock, CLI_KEEPER_DROP, CLI_FILE_JSON, NULL) == 0 &&
	               cli_keeper_ask(sock, CLI_KEEPER_OPEN, CLI_FILE_TRACE, &fd) == -ENOENT && fd == -1 &&
	               cli_keeper_ask(sock, CLI_KEEPER_OPEN, CLI_FILE_JSON, &fd) == 0 &&
	               cli_keeper_ask(sock, CLI_KEEPER_OPEN, CLI_FILE_JSON, &fd) == 0 &&
	               cli_keeper_ask(sock, CLI_KEEPER_FINISH, CLI_FILE_JSON, NULL) == 0 &&
	               cli_keeper_ask(sock, CLI_KEEPER_FINISH, CLI_FILE_JSON, NULL) == -EBADF
	           ? 0
	           : 1;
}

static void each_step_in_its_turn(void **state)
{
	int status = serve(out_of_turn);

	(void)state;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(empty(), 1);
}

static int no_request(int sock)
{
	int r = (int)write(sock, "what?", 5);

	while (r == 5)
		pause(); /* it is ended */
	return 1;
}

static __attribute__((noreturn)) int no_file(int sock)
{
	int fd = -1;

	cli_keeper_ask(sock, CLI_KEEPER_OPEN, CLI_FILES, &fd);
	for (;;)
		pause();
}

/* It asks, and listens to no answer. */
static int deaf(int sock)
{
	const uint32_t q[2] = {CLI_KEEPER_CHECK, CLI_FILE_JSON};

	for (int i = 0; i < MESSAGES; i++)
		if (write(sock, q, sizeof q) < 0)
			return 1;
	for (;;)
		pause();
}

/* It hangs up and goes on for a while: that is no end. */
static int mute(int sock)
{
	close(sock);
	usleep(50000);
	return 6;
}

static void what_is_no_request_ends_the_child(void **state)
{
	int status = serve(no_request);

	(void)state;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 125);
	status = serve(no_file);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 125);
	status = serve(deaf);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 125);
	status = serve(mute);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 6);
	assert_int_equal(empty(), 0);
}

/* Requests of all kinds, with descriptors it did not ask for now and then; the answers are of no interest. */
static int raving(int sock)
{
	uint32_t q[3];
	char answers[256];

	srand(1);
	for (int i = 0; i < MESSAGES; i++) {
		union {
			struct cmsghdr head;
			char bytes[CMSG_SPACE(sizeof(int))];
		} beside = {.bytes = {0}};
		struct iovec v = {q, 8};
		struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

		q[0] = (uint32_t)rand() % 12 ? (uint32_t)rand() % 7 : (uint32_t)rand();
		q[1] = (uint32_t)rand() % CLI_FILES;
		if (rand() % 10 == 0) {
			m.msg_control = &beside;
			m.msg_controllen = sizeof beside;
			beside.head = (struct cmsghdr){
			    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof sock)};
			memcpy(CMSG_DATA(&beside.head), &sock, sizeof sock);
		}
		if (sendmsg(sock, &m, MSG_NOSIGNAL) < 0)
			break;
		if (recv(sock, answers, sizeof answers, 0) <= 0)
			break;
	}
	return 9;
}

static void a_child_that_raves(void **state)
{
	int status = serve(raving);
	unsigned left;

	(void)state;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
	left = empty();
	assert_in_range(left, 0, 2);
}

static int dies(int sock)
{
	int fd;

	cli_keeper_ask(sock, CLI_KEEPER_OPEN, CLI_FILE_SAVE, &fd);
	raise(SIGKILL);
	return 0;
}

static void a_child_that_dies(void **state)
{
	int status = serve(dies);

	(void)state;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 125);
	assert_int_equal(empty(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_appear_whole_or_not),
	    cmocka_unit_test(each_step_in_its_turn),
	    cmocka_unit_test(what_is_no_request_ends_the_child),
	    cmocka_unit_test(a_child_that_raves),
	    cmocka_unit_test(a_child_that_dies),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT */
/* device: the KVM device file, and why it may not open */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"

/* Does a file hold a word?  Only files of /proc are asked. */
static bool file_has_word(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *rest, *have;
	size_t room = 0;
	bool found = false;

	while (f && !found && getline(&line, &room, f) > 0)
		for (rest = line; !found && (have = strsep(&rest, " \t\n"));)
			found = !strcmp(have, word);
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* The name of a user or group id in /etc/passwd or /etc/group: getpwuid does not go into a static program. */
static void id_name(const char *path, unsigned id, char *out, size_t len)
{
	FILE *f = fopen(path, "re");
	char line[1024], name[64];
	unsigned have;

	snprintf(out, len, "%u", id);
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%63[^:]:%*[^:]:%u:", name, &have) == 2 && have == id) {
			snprintf(out, len, "%s", name);
			break;
		}
	}
	if (f)
		fclose(f);
}

/* Why a device that should be there is not. */
static void fix_absent(struct cli_device *d, const char *path)
{
	bool intel = file_has_word("/proc/cpuinfo", "vmx"), amd = file_has_word("/proc/cpuinfo", "svm");
	const char *module = intel ? "kvm_intel" : "kvm_amd";

	if (strcmp(path, "/dev/kvm") != 0 && access("/dev/kvm", F_OK) == 0)
		snprintf(d->fix, sizeof d->fix, "name the right one: --kvm /dev/kvm");
	else if (intel || amd)
		snprintf(d->fix, sizeof d->fix,
		         "sudo modprobe %s; if that fails, dmesg says whether the BIOS has it off", module);
	else
		snprintf(d->fix, sizeof d->fix,
		         "switch on virtualization (VT-x, SVM) in the BIOS, or nested virtualization for this cloud "
		         "machine; then sudo modprobe kvm_intel or kvm_amd");
}

static void fix_open(struct cli_device *d, const struct stat *st, const char *path, const char *group, int err)
{
	if (err == EACCES && (st->st_mode & 060) == 060 && st->st_gid != 0)
		snprintf(d->fix, sizeof d->fix, "sudo usermod -aG %s $USER, then log in again", group);
	else if (err == EACCES)
		snprintf(d->fix, sizeof d->fix,
		         "sudo chgrp kvm %.60s && sudo chmod 660 %.60s; sudo usermod -aG kvm $USER", path, path);
	else if (err == EPERM)
		snprintf(d->fix, sizeof d->fix,
		         "the container's device rules keep it away: start it with --device %.60s", path);
	else if (err == EMFILE || err == ENFILE)
		snprintf(d->fix, sizeof d->fix, "ulimit -n 1024");
	else
		fix_absent(d, path);
}

void cli_device_look(const char *path, struct cli_device *out)
{
	struct stat st;
	char user[64], group[64];
	int fd, err;

	*out = (struct cli_device){0};
	if (stat(path, &st) < 0) {
		snprintf(out->text, sizeof out->text, "%s", strerror(errno));
		fix_absent(out, path);
		return;
	}
	if (!S_ISCHR(st.st_mode)) {
		snprintf(out->text, sizeof out->text, "is no device file");
		snprintf(out->fix, sizeof out->fix, "name the right one: --kvm /dev/kvm");
		return;
	}
	id_name("/etc/passwd", st.st_uid, user, sizeof user);
	id_name("/etc/group", st.st_gid, group, sizeof group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	err = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	out->usable = fd >= 0;
	snprintf(out->text, sizeof out->text, "owner %.32s, group %.32s, mode %03o: %s", user, group,
	         (unsigned)st.st_mode & 0777, err ? strerror(err) : "this process may use it");
	if (err)
		fix_open(out, &st, path, group, err);
}

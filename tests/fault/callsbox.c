/* SPDX-License-Identifier: MIT */
/* callsbox: the end of a scene; snug_sandbox for the walk, which inject.c keeps from confining the test */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

int call_sandbox_vcpu(struct scene *s, struct snug_error *e)
{
	const struct snug_sandbox how = {.size = sizeof(how), .uses = SNUG_USE_ALL};

	(void)s;
	return snug_sandbox(&how, NULL, e);
}

int call_sandbox_files(struct scene *s, struct snug_error *e)
{
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	const struct snug_sandbox how = {.size = sizeof(how),
	                                 .parts = SNUG_SANDBOX_PROCESS | SNUG_SANDBOX_THREAD,
	                                 .kind = SNUG_SANDBOX_FILES,
	                                 .dirs = &dir,
	                                 .dir_count = dir >= 0};

	(void)s;
	r = snug_sandbox(&how, NULL, e);
	if (dir >= 0)
		close(dir);
	return r;
}

void scene_end(struct scene *s)
{
	snug_vm_free(s->clones[0]);
	snug_vm_free(s->clones[1]);
	snug_pool_free(s->pool);
	snug_gdb_free(s->gdb);
	snug_vm_free(s->vm);
	if (s->fd)
		close(s->fd);
	if (s->path[0])
		unlink(s->path);
	memset(s, 0, sizeof(*s));
}

#include <errno.h>
#include "core/frozen.h"
struct snug__symbols *snug__symbols_hold(struct snug__symbols *s){return s;}
void snug__symbols_drop(struct snug__symbols *s){(void)s;}
int snug_save(snug_vm *vm, const char *path, struct snug_error *err){(void)vm;(void)path;(void)err;return -ENOSYS;}
int snug_restore(const char *path, const struct snug_config *cfg, snug_vm **out, struct snug_error *err){(void)cfg;(void)path;(void)err;(void)out;return -ENOSYS;}

#include <errno.h>
#include "core/frozen.h"
struct snug__symbols *snug__symbols_hold(struct snug__symbols *s){return s;}
void snug__symbols_drop(struct snug__symbols *s){(void)s;}

/* SPDX-License-Identifier: MIT */
/*
 * snapshot: writes the golden snapshot file of this version of the format, without the zeros at its end
 *
 * The kept files are what versions in the field wrote.  So this is run once for a new version of the format, and never
 * again for an older one:
 *     build/tests/golden/golden_snapshot tests/golden/snapshot-1.snug
 */
#include <stdio.h>

#include "snapmade.h"

int main(int argc, char **argv)
{
	struct snug__frozen *f = snapmade();
	struct snug__snap_image image = snapmade_image(f);
	uint8_t memory[SNAPMADE_DATA];
	FILE *to = argc == 2 ? fopen(argv[1], "wbe") : NULL;
	bool good;

	if (!to)
		return 2;
	snapmade_memory(memory);
	good = fwrite(image.bytes, image.len, 1, to) == 1 && fseek(to, (long)image.mem_offset, SEEK_SET) == 0 &&
	       fwrite(memory, sizeof(memory), 1, to) == 1;
	good = fclose(to) == 0 && good;
	snug__snap_image_free(&image);
	snug__frozen_drop(f);
	return good ? 0 : 1;
}

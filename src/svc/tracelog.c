/* SPDX-License-Identifier: MIT */
#include "svc/tracelog.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"

/* ANALYZER-OFF(malloc-leak): gcc 12 loses what is stored behind log->lanes; snug__tracelog_destroy frees it */
#define BUFFERED 128u /* records read from the spill file at once */

/* A load in the spill file; its records follow. */
struct load {
	uint64_t next; /* the place of the lane's next load, where there is one */
	uint64_t count;
};

static int init_lane(struct snug__lane *lane, uint32_t room)
{
	lane->room = 1;
	while (lane->room < room)
		lane->room *= 2;
	/* Zeroed pages that nobody touched yet cost nothing. */
	lane->records = calloc(lane->room, sizeof(*lane->records));
	return lane->records ? 0 : -ENOMEM;
}

int snug__tracelog_init(struct snug__tracelog *log, unsigned cpus, uint32_t room, uint32_t host_room, int spill,
                        struct snug_error *err)
{
	int r = -ENOMEM;

	*log = (struct snug__tracelog){.spill = spill};
	log->lanes = calloc(cpus + 1ull, sizeof(*log->lanes));
	if (!log->lanes)
		goto fail;
	log->count = cpus + 1;
	log->has_lock = pthread_mutex_init(&log->lock, NULL) == 0;
	if (!log->has_lock)
		goto fail;
	for (unsigned i = 0; i < log->count; i++) {
		r = init_lane(&log->lanes[i], i < cpus ? room : host_room);
		if (r < 0)
			goto fail;
	}
	return 0;
fail:
	snug__tracelog_destroy(log);
	return snug__err(err, r, SNUG_STEP_NONE, "free some memory, or keep fewer exits", "trace: out of memory");
}

void snug__tracelog_destroy(struct snug__tracelog *log)
{
	for (unsigned i = 0; log->lanes && i < log->count; i++)
		free(log->lanes[i].records);
	free(log->lanes);
	if (log->has_lock)
		pthread_mutex_destroy(&log->lock);
	if (log->spill >= 0)
		close(log->spill);
	*log = (struct snug__tracelog){.spill = -1};
}

unsigned snug__record_events(const struct snug__record *r)
{
	if (r->kind == SNUG__RECORD_MARK)
		return 1;
	if (r->kind != SNUG__RECORD_TURN)
		return 0;
	if (!(r->flags & SNUG__TURN_EXITED))
		return 1;
	return r->flags & SNUG__TURN_CLAIMED ? 3 : 2;
}

static struct snug__record *place(const struct snug__lane *lane, uint64_t number)
{
	return &lane->records[number & (lane->room - 1)];
}

/* The number of the first record that memory holds. */
static uint64_t first_kept(const struct snug__lane *lane)
{
	uint64_t old = lane->next > lane->room ? lane->next - lane->room : 0;

	return snug__max(old, lane->base);
}

static bool write_at(int fd, const void *bytes, size_t len, uint64_t at)
{
	const char *from = bytes;

	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)at);

		if (n <= 0 && errno != EINTR)
			return false;
		if (n > 0) {
			from += n;
			at += (uint64_t)n;
			len -= (size_t)n;
		}
	}
	return true;
}

static bool read_at(int fd, void *bytes, size_t len, uint64_t at)
{
	char *to = bytes;

	while (len) {
		ssize_t n = pread(fd, to, len, (off_t)at);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		if (n > 0) {
			to += n;
			at += (uint64_t)n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* One load, and the link to it in the one before.  Only the file's end is shared with other lanes. */
static bool write_load(struct snug__tracelog *log, const struct snug__lane *lane, uint64_t n, uint64_t *where)
{
	struct load head = {.count = n};
	uint64_t from = lane->base & (lane->room - 1), piece = snug__min(n, lane->room - from), at;
	size_t size = sizeof(*lane->records);

	pthread_mutex_lock(&log->lock);
	at = log->spill_bytes;
	log->spill_bytes += sizeof(head) + n * size;
	pthread_mutex_unlock(&log->lock);
	*where = at;
	return write_at(log->spill, &head, sizeof(head), at) &&
	       write_at(log->spill, lane->records + from, piece * size, at + sizeof(head)) &&
	       write_at(log->spill, lane->records, (n - piece) * size, at + sizeof(head) + piece * size) &&
	       (!lane->spilled || write_at(log->spill, &at, sizeof(at), lane->last + offsetof(struct load, next)));
}

/* What cannot be written (the disk is full) is lost; the guest goes on. */
static void spill(struct snug__tracelog *log, struct snug__lane *lane)
{
	uint64_t n = lane->next - lane->base, at;

	if (write_load(log, lane, n, &at)) {
		if (!lane->spilled)
			lane->first = at;
		lane->last = at;
		lane->spilled += n;
	} else {
		for (uint64_t i = lane->base; i < lane->next; i++)
			lane->lost += snug__record_events(place(lane, i));
	}
	lane->base = lane->next;
}

/* A place for one more, which in a full ring is the oldest's. */
static struct snug__record *take(struct snug__lane *lane)
{
	struct snug__record *r = place(lane, lane->next);

	if (lane->next - lane->base >= lane->room)
		lane->lost += snug__record_events(r);
	lane->next++;
	return r;
}

uint64_t snug__lane_reserve(struct snug__tracelog *log, struct snug__lane *lane)
{
	/* Room is left for the marks that come before the next load can go out. */
	if (log->spill >= 0 && lane->next - lane->base >= lane->room - lane->room / 4)
		spill(log, lane);
	take(lane)->kind = SNUG__RECORD_NONE;
	return lane->next - 1;
}

void snug__lane_fill(struct snug__lane *lane, uint64_t number, const struct snug__record *r)
{
	unsigned events = snug__record_events(r);

	lane->seen += events;
	if (number < first_kept(lane))
		lane->lost += events;
	else
		*place(lane, number) = *r;
}

void snug__lane_add(const struct snug__tracelog *log, struct snug__lane *lane, const struct snug__record *r)
{
	unsigned events = snug__record_events(r);

	lane->seen += events;
	if (log->spill >= 0 && lane->next - lane->base >= lane->room)
		lane->lost += events;
	else
		*take(lane) = *r;
}

uint64_t snug__tracelog_seen(const struct snug__tracelog *log)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < log->count; i++)
		n += log->lanes[i].seen;
	return n;
}

uint64_t snug__tracelog_lost(const struct snug__tracelog *log)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < log->count; i++)
		n += log->lanes[i].lost;
	return n;
}

int snug__lane_reader_init(struct snug__lane_reader *rd, const struct snug__tracelog *log,
                           const struct snug__lane *lane, uint64_t newest)
{
	uint64_t kept = lane->spilled + lane->next - first_kept(lane);

	*rd = (struct snug__lane_reader){.log = log, .lane = lane, .number = first_kept(lane)};
	rd->skip = newest && kept > newest ? kept - newest : 0;
	if (rd->skip >= lane->spilled) {
		rd->number += rd->skip - lane->spilled;
		rd->skip = 0;
		return 0;
	}
	rd->in_file = lane->spilled;
	rd->next_load = lane->first;
	rd->buffer = malloc(BUFFERED * sizeof(*rd->buffer));
	return rd->buffer ? 0 : -ENOMEM;
}

void snug__lane_reader_end(struct snug__lane_reader *rd)
{
	free(rd->buffer);
	rd->buffer = NULL;
}

/* Fills the buffer from the file; false: it cannot be read. */
static bool fetch(struct snug__lane_reader *rd)
{
	struct load head;

	if (!rd->left) {
		if (!read_at(rd->log->spill, &head, sizeof(head), rd->next_load) || !head.count)
			return false;
		rd->at = rd->next_load + sizeof(head);
		rd->left = head.count;
		rd->next_load = head.next;
	}
	rd->buffered = (unsigned)snug__min(snug__min(rd->left, BUFFERED), rd->in_file);
	rd->taken = 0;
	if (!read_at(rd->log->spill, rd->buffer, rd->buffered * sizeof(*rd->buffer), rd->at))
		return false;
	rd->at += rd->buffered * sizeof(*rd->buffer);
	rd->left -= rd->buffered;
	rd->in_file -= rd->buffered;
	return true;
}

static const struct snug__record *next(struct snug__lane_reader *rd)
{
	if (rd->taken < rd->buffered)
		return &rd->buffer[rd->taken++];
	if (rd->in_file) {
		if (fetch(rd))
			return &rd->buffer[rd->taken++];
		rd->err = -EIO;
		return NULL;
	}
	return rd->number < rd->lane->next ? place(rd->lane, rd->number++) : NULL;
}

const struct snug__record *snug__lane_read(struct snug__lane_reader *rd)
{
	const struct snug__record *r;

	while ((r = next(rd)) && (rd->skip || r->kind == SNUG__RECORD_NONE))
		rd->skip -= rd->skip != 0;
	return r;
}

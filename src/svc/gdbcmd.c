/* SPDX-License-Identifier: MIT */
/* gdbcmd: what each packet asks for: RSP "Packets", "General Query Packets" */
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "svc/gdb.h"

#define OK 0     /* an answer was made; an empty one says "not known here" */
#define SILENT 1 /* none yet: the guest runs */
#define XML_ROOM 12288

/* A packet while it is read. */
struct args {
	const char *at, *end;
};

/* Answers into r; OK, SILENT, or a negative errno, which becomes an E packet. */
typedef int (*command)(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r);

static int say(struct snug__gdb_text *r, const char *s)
{
	snug__gdb_put(r, s, strlen(s));
	return OK;
}

static void put_hex(struct snug__gdb_text *r, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		snug__gdb_put(r, (char[]){digits[p[i] >> 4], digits[p[i] & 15]}, 2);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A number in hexadecimal, of one digit at least and 64 bits at most. */
static bool number(struct args *a, uint64_t *out)
{
	const char *first = a->at;
	uint64_t v = 0;

	for (; a->at < a->end && digit(*a->at) >= 0; a->at++) {
		if (v >> 60)
			return false;
		v = v << 4 | (uint64_t)digit(*a->at);
	}
	*out = v;
	return a->at > first;
}

static bool take(struct args *a, char c)
{
	if (a->at == a->end || *a->at != c)
		return false;
	a->at++;
	return true;
}

/* len bytes, two digits each. */
static bool bytes(struct args *a, uint8_t *out, size_t len)
{
	if ((size_t)(a->end - a->at) < 2 * len)
		return false;
	for (size_t i = 0; i < len; i++, a->at += 2) {
		if (digit(a->at[0]) < 0 || digit(a->at[1]) < 0)
			return false;
		out[i] = (uint8_t)(digit(a->at[0]) << 4 | digit(a->at[1]));
	}
	return true;
}

/* A thread: vCPU n is thread n + 1.  *cpu is -1 for "all"; "any" is the one in use. */
static bool thread(const struct snug__gdb_engine *e, struct args *a, int64_t *cpu)
{
	uint64_t n;

	*cpu = -1;
	if (take(a, '-'))
		return take(a, '1');
	if (!number(a, &n) || n > e->cpus)
		return false;
	*cpu = n ? (int64_t)n - 1 : (int64_t)e->cpu_g;
	return true;
}

/* RSP "Stop Reply Packets" */
static void put_stop(const struct snug__gdb_engine *e, struct snug__gdb_text *r)
{
	static const char *const watch[] = {
	    [SNUG__GDB_WRITE] = "watch", [SNUG__GDB_READ] = "rwatch", [SNUG__GDB_ACCESS] = "awatch"};
	const struct snug__gdb_stop *s = &e->stop;

	snug__gdb_printf(r, "T%02xthread:%x;", (unsigned)s->signal, s->cpu + 1);
	if (s->why == SNUG__GDB_AT_WATCH)
		snug__gdb_printf(r, "%s:%llx;", watch[s->point], (unsigned long long)s->addr);
	else if (s->why == SNUG__GDB_AT_SW && e->swbreak)
		say(r, "swbreak:;");
	else if (s->why == SNUG__GDB_AT_HW && e->hwbreak)
		say(r, "hwbreak:;");
}

void snug__gdb_stopped(struct snug__gdb_engine *e, const struct snug__gdb_stop *stop)
{
	char line[64];
	struct snug__gdb_text r = {.at = line, .room = sizeof(line)};

	e->stop = *stop;
	e->cpu_g = stop->cpu;
	e->state = SNUG_GDB_WAIT;
	e->interrupt = false;
	put_stop(e, &r);
	snug__gdb_send(e, line, r.len);
}

/* The guest's end: W status, or X signal where it crashed. */
static void ended(struct snug__gdb_engine *e, char how, unsigned value)
{
	char line[8];
	struct snug__gdb_text r = {.at = line, .room = sizeof(line)};

	e->state = SNUG_GDB_ENDED;
	snug__gdb_printf(&r, "%c%02x", how, value);
	snug__gdb_send(e, line, r.len);
}

void snug__gdb_exited(struct snug__gdb_engine *e, uint8_t status)
{
	ended(e, 'W', status);
}

static int why_stopped(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)a;
	put_stop(e, r);
	return OK;
}

/* Registers. */

static int read_all(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	struct snug__gdb_regs regs;
	uint8_t value[16];
	unsigned n;
	int code = e->ops->get_regs(e->ctx, e->cpu_g, &regs);

	(void)a;
	if (code < 0)
		return code;
	for (unsigned i = 0; (n = snug__gdb_reg_get(e->arch, i, &regs, value)) != 0; i++)
		put_hex(r, value, n);
	return OK;
}

static int store(struct snug__gdb_engine *e, const struct snug__gdb_regs *old, const struct snug__gdb_regs *now)
{
	unsigned which = 0;

	if (memcmp(&old->regs, &now->regs, sizeof(now->regs)) != 0)
		which |= SNUG__GDB_REGS;
	if (memcmp(&old->sregs, &now->sregs, sizeof(now->sregs)) != 0)
		which |= SNUG__GDB_SREGS;
	if (memcmp(&old->fpu, &now->fpu, sizeof(now->fpu)) != 0)
		which |= SNUG__GDB_FPU;
	return which ? e->ops->set_regs(e->ctx, e->cpu_g, now, which) : 0;
}

static int write_all(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	struct snug__gdb_regs old, now;
	uint8_t value[16];
	unsigned n;
	int code = e->ops->get_regs(e->ctx, e->cpu_g, &old);

	if (code < 0)
		return code;
	now = old;
	for (unsigned i = 0; (n = snug__gdb_reg_get(e->arch, i, &now, value)) != 0; i++) {
		if (!bytes(a, value, n))
			return -EINVAL;
		snug__gdb_reg_set(e->arch, i, &now, value);
	}
	code = store(e, &old, &now);
	return code < 0 ? code : say(r, "OK");
}

static int read_one(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	struct snug__gdb_regs regs;
	uint8_t value[16];
	uint64_t i;
	int code;

	if (!number(a, &i) || i >= snug__gdb_reg_count(e->arch))
		return -EINVAL;
	code = e->ops->get_regs(e->ctx, e->cpu_g, &regs);
	if (code < 0)
		return code;
	put_hex(r, value, snug__gdb_reg_get(e->arch, (unsigned)i, &regs, value));
	return OK;
}

static int write_one(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	struct snug__gdb_regs old, now;
	uint8_t value[16];
	uint64_t i;
	int code;

	if (!number(a, &i) || !take(a, '=') || i >= snug__gdb_reg_count(e->arch))
		return -EINVAL;
	code = e->ops->get_regs(e->ctx, e->cpu_g, &old);
	if (code < 0)
		return code;
	now = old;
	if (!bytes(a, value, snug__gdb_reg_get(e->arch, (unsigned)i, &now, value)))
		return -EINVAL;
	snug__gdb_reg_set(e->arch, (unsigned)i, &now, value);
	code = store(e, &old, &now);
	return code < 0 ? code : say(r, "OK");
}

/* Memory. */

static int read_memory(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	uint8_t buf[SNUG__GDB_PACKET / 2];
	uint64_t addr, len;
	size_t n;

	if (!number(a, &addr) || !take(a, ',') || !number(a, &len))
		return -EINVAL;
	len = snug__min(len, sizeof(buf));
	n = e->ops->read(e->ctx, e->cpu_g, addr, buf, (size_t)len);
	if (n == 0 && len)
		return -EFAULT;
	put_hex(r, buf, n);
	return OK;
}

static int write_bytes(struct snug__gdb_engine *e, uint64_t addr, const void *from, uint64_t len,
                       struct snug__gdb_text *r)
{
	int code = len ? e->ops->write(e->ctx, e->cpu_g, addr, from, (size_t)len) : 0;

	return code < 0 ? code : say(r, "OK");
}

static int write_hex(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	uint8_t buf[SNUG__GDB_PACKET / 2];
	uint64_t addr, len;

	if (!number(a, &addr) || !take(a, ',') || !number(a, &len) || !take(a, ':') || len > sizeof(buf) ||
	    !bytes(a, buf, (size_t)len))
		return -EINVAL;
	return write_bytes(e, addr, buf, len, r);
}

static int write_binary(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	uint64_t addr, len;

	if (!number(a, &addr) || !take(a, ',') || !number(a, &len) || !take(a, ':') ||
	    len != (uint64_t)(a->end - a->at))
		return -EINVAL;
	return write_bytes(e, addr, a->at, len, r);
}

static int point(struct snug__gdb_engine *e, bool set, struct args *a, struct snug__gdb_text *r)
{
	uint64_t type, addr, len;
	int code;

	if (!number(a, &type) || !take(a, ',') || !number(a, &addr) || !take(a, ',') || !number(a, &len))
		return -EINVAL;
	code = type > SNUG__GDB_ACCESS ? -ENOTSUP
	                               : e->ops->point(e->ctx, e->cpu_g, set, (enum snug__gdb_point)type, addr, len);
	if (code == -ENOTSUP)
		return OK;
	return code < 0 ? code : say(r, "OK");
}

static int set_point(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	return point(e, true, a, r);
}

static int clear_point(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	return point(e, false, a, r);
}

/* Threads. */

static int choose(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	int64_t cpu;
	bool general = take(a, 'g');

	if ((!general && !take(a, 'c')) || !thread(e, a, &cpu))
		return -EINVAL;
	if (general && cpu >= 0)
		e->cpu_g = (unsigned)cpu;
	return say(r, "OK"); /* Hc matters to `c` and `s` alone, and gdb uses vCont */
}

static int alive(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	int64_t cpu;

	return thread(e, a, &cpu) ? say(r, "OK") : -EINVAL;
}

static int thread_list(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)a;
	for (unsigned i = 0; i < e->cpus && r->room - r->len > 16; i++)
		snug__gdb_printf(r, "%c%x", i ? ',' : 'm', i + 1);
	return OK;
}

static int thread_end(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)e;
	(void)a;
	return say(r, "l");
}

static int thread_text(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	char line[128] = "";
	struct snug__gdb_text t = {.at = line, .room = sizeof(line)};
	int64_t cpu;

	if (!thread(e, a, &cpu) || cpu < 0)
		return -EINVAL;
	e->ops->describe(e->ctx, (unsigned)cpu, &t);
	put_hex(r, line, t.len);
	return OK;
}

static int current(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	if (a->at < a->end)
		return OK; /* qCRC and others */
	snug__gdb_printf(r, "QC%x", e->cpu_g + 1);
	return OK;
}

/* Going on. */

/* A guest that crashed and gets the signal of it ends, as a process would. */
static int go(struct snug__gdb_engine *e, uint64_t signal)
{
	if (signal && e->stop.fatal && signal == (uint64_t)e->stop.signal) {
		ended(e, 'X', e->stop.signal);
		return SILENT;
	}
	e->state = SNUG_GDB_RUN;
	return SILENT;
}

/* c, s, C and S: at another address if one is given, all vCPUs going on but for a step. */
static int resume(struct snug__gdb_engine *e, struct args *a, enum snug__gdb_step step, bool has_signal)
{
	struct snug__gdb_regs old, now;
	uint64_t signal = 0, addr;
	int code;

	if (has_signal && (!number(a, &signal) || (a->at < a->end && !take(a, ';'))))
		return -EINVAL;
	if (a->at < a->end) {
		if (!number(a, &addr))
			return -EINVAL;
		code = e->ops->get_regs(e->ctx, e->cpu_g, &old);
		if (code < 0)
			return code;
		now = old;
		now.regs.rip = snug__gdb_code64(&now.sregs) ? addr : (uint32_t)(addr - now.sregs.cs.base);
		code = store(e, &old, &now);
		if (code < 0)
			return code;
	}
	memset(e->actions, step == SNUG__GDB_CONT ? SNUG__GDB_CONT : SNUG__GDB_STAY, e->cpus);
	e->actions[e->cpu_g] = (uint8_t)step;
	return go(e, signal);
}

static int cont(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)r;
	return resume(e, a, SNUG__GDB_CONT, false);
}

static int cont_signal(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)r;
	return resume(e, a, SNUG__GDB_CONT, true);
}

static int step(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)r;
	return resume(e, a, SNUG__GDB_STEP, false);
}

static int step_signal(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)r;
	return resume(e, a, SNUG__GDB_STEP, true);
}

static int vcont_known(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)e;
	(void)a;
	return say(r, "vCont;c;C;s;S");
}

/* vCont;ACTION[:THREAD];...: the leftmost action that names a vCPU, or all, counts for it. */
static int vcont(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	enum { UNSET = 255 };
	uint64_t deliver = 0, signal;
	bool any = false;

	(void)r;
	memset(e->actions, UNSET, e->cpus);
	while (take(a, ';')) {
		char what = a->at < a->end ? *a->at++ : 0;
		uint8_t action = what == 'c' || what == 'C' ? SNUG__GDB_CONT : SNUG__GDB_STEP;
		int64_t cpu = -1;

		if (!what || !strchr("cCsS", what))
			return -EINVAL;
		signal = 0;
		if ((what == 'C' || what == 'S') && !number(a, &signal))
			return -EINVAL;
		if (take(a, ':') && !thread(e, a, &cpu))
			return -EINVAL;
		for (unsigned i = 0; i < e->cpus; i++) {
			if ((cpu >= 0 && cpu != i) || e->actions[i] != UNSET)
				continue;
			e->actions[i] = action;
			any = true;
			deliver = i == e->stop.cpu ? signal : deliver;
		}
	}
	if (a->at < a->end || !any)
		return -EINVAL;
	for (unsigned i = 0; i < e->cpus; i++)
		if (e->actions[i] == UNSET)
			e->actions[i] = SNUG__GDB_STAY;
	return go(e, deliver);
}

static int detach(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)a;
	e->state = SNUG_GDB_DETACHED;
	return say(r, "OK");
}

/* k has no answer, vKill has. */
static int kill_quietly(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)a;
	(void)r;
	e->state = SNUG_GDB_KILLED;
	return SILENT;
}

static int kill_told(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)a;
	e->state = SNUG_GDB_KILLED;
	return say(r, "OK");
}

/* Queries. */

/* qSupported:FEATURE;...: gdb's own features tell which stop reasons it understands. */
static int supported(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	e->swbreak = strstr(a->at, "swbreak+") != NULL;
	e->hwbreak = strstr(a->at, "hwbreak+") != NULL;
	snug__gdb_printf(r, "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;vContSupported+;swbreak+;hwbreak+",
	                 SNUG__GDB_PACKET);
	return OK;
}

static int no_ack(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)a;
	e->no_ack = true;
	return say(r, "OK");
}

/* qXfer:features:read:target.xml:OFFSET,LENGTH; the document has no character that would be escaped. */
static int description(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	char xml[XML_ROOM];
	struct snug__gdb_text t = {.at = xml, .room = sizeof(xml)};
	static const char name[] = "target.xml:";
	uint64_t at, len;

	if ((size_t)(a->end - a->at) < sizeof(name) - 1 || memcmp(a->at, name, sizeof(name) - 1) != 0)
		return -ENOENT;
	a->at += sizeof(name) - 1;
	if (!number(a, &at) || !take(a, ',') || !number(a, &len))
		return -EINVAL;
	snug__gdb_xml(e->arch, &t);
	if (at >= t.len)
		return say(r, "l");
	len = snug__min(snug__min(len, r->room - 1), t.len - at);
	snug__gdb_put(r, at + len < t.len ? "m" : "l", 1);
	snug__gdb_put(r, xml + at, (size_t)len);
	return OK;
}

static int attached(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	(void)e;
	(void)a;
	return say(r, "1"); /* so that gdb lets go of the guest when it quits, instead of killing it */
}

/* qRcmd,HEX: the text that comes back is cut to the packet. */
static int monitor(struct snug__gdb_engine *e, struct args *a, struct snug__gdb_text *r)
{
	char line[256], out[SNUG__GDB_PACKET / 2];
	struct snug__gdb_text t = {.at = out, .room = sizeof(out)};
	size_t n = (size_t)(a->end - a->at) / 2;

	if (n >= sizeof(line) || !bytes(a, (uint8_t *)line, n) || a->at != a->end)
		return -EINVAL;
	line[n] = 0;
	e->ops->monitor(e->ctx, e->cpu_g, line, &t);
	if (t.len == 0)
		return say(r, "OK");
	put_hex(r, out, t.len);
	return OK;
}

/* The first that begins a packet counts: what is longer stands before what it begins with. */
static const struct {
	const char *name;
	command fn;
} table[] = {
    {"?", why_stopped},
    {"g", read_all},
    {"G", write_all},
    {"p", read_one},
    {"P", write_one},
    {"m", read_memory},
    {"M", write_hex},
    {"X", write_binary},
    {"Z", set_point},
    {"z", clear_point},
    {"H", choose},
    {"T", alive},
    {"c", cont},
    {"C", cont_signal},
    {"s", step},
    {"S", step_signal},
    {"D", detach},
    {"k", kill_quietly},
    {"vCont?", vcont_known},
    {"vCont", vcont},
    {"vKill", kill_told},
    {"qSupported", supported},
    {"QStartNoAckMode", no_ack},
    {"qXfer:features:read:", description},
    {"qfThreadInfo", thread_list},
    {"qsThreadInfo", thread_end},
    {"qThreadExtraInfo,", thread_text},
    {"qC", current},
    {"qAttached", attached},
    {"qRcmd,", monitor},
};

void snug__gdb_packet(struct snug__gdb_engine *e)
{
	char answer[SNUG__GDB_PACKET];
	struct snug__gdb_text r = {.at = answer, .room = sizeof(answer)};
	struct args a = {.at = e->in, .end = e->in + e->in_len};
	int code = OK;

	if (e->state != SNUG_GDB_WAIT)
		return; /* nothing but the interrupt is heard while the guest runs, and nothing after its end */
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t n = strlen(table[i].name);

		if (n > e->in_len || memcmp(e->in, table[i].name, n) != 0)
			continue;
		a.at += n;
		code = table[i].fn(e, &a, &r);
		break;
	}
	if (code == SILENT)
		return;
	if (r.over && code == OK)
		code = -E2BIG;
	if (code < 0) {
		r.len = 0;
		snug__gdb_printf(&r, "E%02x", (unsigned)-code & 0xff);
	}
	snug__gdb_send(e, answer, r.len);
}

"use strict";
// All that comes from a guest goes through textContent or a canvas: it is never markup.
const $ = id => document.getElementById(id);
const read = id => { try { return JSON.parse($(id).textContent); } catch { return null; } };
const data = read("data") || {}, trace = read("trace") || {};
const number = n => Number(n || 0).toLocaleString("en");

function add(parent, tag, text, cls) {
  const e = parent.appendChild(document.createElement(tag));
  if (text !== undefined) e.textContent = text;
  if (cls) e.className = cls;
  return e;
}

// Nanoseconds as people read them.
function time(ns, digits = 4) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]])
    if (Math.abs(ns) >= size) return +(ns / size).toPrecision(digits) + " " + unit;
  return Math.round(ns) + " ns";
}

// With as many digits as tell two times apart that differ by so much.
const exact = (ns, by) => time(ns, Math.max(3, Math.ceil(Math.log10(Math.max(10, ns) / Math.max(1, by))) + 1));

function size(bytes) {
  let u = 0;
  for (; u < 4 && bytes >= 1024; u++) bytes /= 1024;
  return +bytes.toFixed(1) + " " + ["bytes", "KiB", "MiB", "GiB", "TiB"][u];
}

/* --- what it was, how it ended --- */

const result = data.result || {}, machine = data.machine || {}, stats = data.stats || [];
// Times of a row: in KVM_RUN and in snug.
const timesOf = (s, side) => s[side] || {}, total = (s, side) => timesOf(s, side).total_ns || 0;
const cost = s => total(s, "run") + total(s, "host");
const sum = f => stats.reduce((n, s) => n + (f(s) || 0), 0);

function verdict() {
  const error = result.error && result.error.message;
  if (error) return [error + (result.error.hint ? " (" + result.error.hint + ")" : ""), result.exit === "timeout" ? "warn" : "bad"];
  const by = result.set_by === "guest" ? "set by the guest" : "set by snug";
  return [`ended with status ${result.status}, ${by} (${result.exit})`, result.status ? "warn" : "good"];
}

function showHead() {
  const [text, cls] = verdict(), image = String(data.image || "");
  document.title = image.split("/").pop() + " · snug report";
  $("version").textContent = data.snug || "";
  $("image").textContent = image.split("/").pop();
  $("verdict").textContent = text;
  $("verdict").className = cls;
  for (const [value, name] of [[time(data.wall_ns || 0), "wall clock"], [number(sum(s => s.count)), "exits"],
    [time(sum(s => total(s, "run"))), "in KVM_RUN"], [time(sum(s => total(s, "host"))), "in snug"]]) {
    const tile = add($("tiles"), "div", undefined, "tile");
    add(tile, "b", value);
    add(tile, "span", name);
  }
  const kinds = { vmx: "kvm_intel (VT-x)", svm: "kvm_amd (SVM)", pvm: "kvm_pvm (no VT-x or SVM: kernel mode is emulated)" };
  const facts = [["Image", image], ["Kind", data.kind], ["Started in", data.mode && data.mode + " mode, at " + data.entry],
    ["Guest", `${number(machine.vcpus)} vCPU, ${size(machine.mem || 0)} of memory`],
    ["Memory touched", data.memory && `${size(data.memory.touched || 0)}, ${size(data.memory.resident || 0)} of it resident`], ["Reboots", data.reboots || null],
    ["KVM", kinds[machine.kvm] || machine.kvm], ["Host", `Linux ${machine.kernel}`],
    ["CPU", `${machine.cpu || "unknown"}, ${number(machine.host_cpus)} online`], ["Written", data.when]];
  for (const [name, value] of facts) {
    if (!value) continue;
    add($("facts"), "dt", name);
    add($("facts"), "dd", value);
  }
  if (data.crash) {
    $("crash-part").hidden = false;
    $("crash").textContent = data.crash;
  }
}

/* --- the console: terminal sequences are left out, other control characters shown as pictures --- */

function showConsole() {
  const c = data.console || {}, cut = (c.bytes || 0) > (c.kept || 0);
  const text = String(c.text || "").replace(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, "").replace(/\r+\n/g, "\n")
    .replace(/[\x00-\x08\x0b-\x1f]/g, ch => String.fromCharCode(0x2400 + ch.charCodeAt(0)));
  $("console").textContent = text;
  $("console").hidden = !text;
  $("console-note").textContent = !text ? "The guest wrote nothing."
    : cut ? `The last ${size(c.kept)} of ${size(c.bytes)}.` : `${size(c.bytes)}.`;
}

/* --- the table of exits --- */

function keyOf(s) {
  if (s.group === "rest") return "all further ones";
  if (s.key === undefined) return "";
  const verbs = { port: ["in", "out"], page: ["rd", "wr"], msr: ["rd", "wr"] }[s.group] || ["", ""];
  return `${s.group} ${s.key} ${verbs[+!!s.write]}`;
}

function showExits() {
  const table = $("exits"), top = add(add(table, "thead"), "tr"), head = add(table.tHead, "tr"), body = add(table, "tbody");
  const most = Math.max(1, ...stats.map(cost)), columns = ["total_ns", "p50_ns", "p99_ns", "max_ns"];
  for (const [text, span] of [["", 4], ["in KVM_RUN", 4], ["in snug", 4], ["", 1]]) {
    const th = add(top, "th", text, text && "side");
    th.colSpan = span;
  }
  for (const h of ["reason", "what", "count", "unclaimed", ...["total", "median", "p99", "max", "total", "median", "p99", "max"], "cost"])
    add(head, "th", h);
  for (const s of stats) {
    const row = add(body, "tr");
    const cells = [String(s.reason).replace("KVM_EXIT_", ""), keyOf(s), number(s.count), number(s.unclaimed)];
    for (const side of ["run", "host"])
      for (const c of columns) cells.push(time(timesOf(s, side)[c] || 0, 3));
    for (const c of cells) add(row, "td", c);
    const share = add(add(row, "td"), "div", undefined, "share");
    for (const side of ["run", "host"]) add(share, "i", undefined, side).style.width = 100 * total(s, side) / most + "%";
  }
  $("exits-part").hidden = !stats.length;
  const kernel = Object.entries(data.kernel || {});
  for (const [name, value] of kernel) {
    add($("kernel"), "dt", name);
    add($("kernel"), "dd", number(value));
  }
  $("kernel-part").hidden = !kernel.length;
}

/* --- the timeline: times in ns --- */

const tracks = [], marks = [];
let span = { from: 0, to: 1 }, all = span, picked = null, pinned = false;

function readTrace() {
  const byTid = new Map(), events = Array.isArray(trace.traceEvents) ? trace.traceEvents : [];
  for (const e of events)
    if (e.ph === "M" && e.name === "thread_name") byTid.set(e.tid, { tid: e.tid, name: e.args.name, events: [] });
  for (const e of events) {
    const track = byTid.get(e.tid);
    if (!track || (e.ph !== "X" && e.ph !== "i")) continue;
    const from = Math.round(e.ts * 1000), to = from + Math.round((e.dur || 0) * 1000);
    const event = { track, from, to, name: String(e.name), args: e.args || {}, mark: e.ph === "i" };
    (event.mark ? marks : track.events).push(event);
    track.used = true;
  }
  tracks.push(...[...byTid.values()].filter(t => t.used).sort((a, b) => a.tid - b.tid));
  let from = Infinity, to = -Infinity;
  for (const e of [...tracks.flatMap(t => t.events), ...marks]) {
    from = Math.min(from, e.from);
    to = Math.max(to, e.to);
  }
  if (from === Infinity) return;
  const edge = Math.max(500, (to - from) / 100); // so that marks at the ends show whole
  span = all = { from: from - edge, to: to + edge };
}

const AXIS = 26, ROW = 46, LABEL = 16, PAD = 8;
const canvas = $("timeline"), ctx = canvas.getContext("2d");
const width = () => canvas.clientWidth;
const toX = t => (t - span.from) / (span.to - span.from) * width();
const toT = x => span.from + x / width() * (span.to - span.from);

// One colour for one name, far enough apart on either background.
const colours = new Map();
function colour(event) {
  const style = getComputedStyle(document.documentElement);
  if (event.name === "KVM_RUN") return style.getPropertyValue("--run");
  if (!colours.has(event.name)) colours.set(event.name, `hsl(${(215 + colours.size * 137.5) % 360} 62% 55%)`);
  return colours.get(event.name);
}

// The first event that ends after a time; they do not overlap.
function firstAfter(events, t) {
  let low = 0, high = events.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (events[mid].to < t) low = mid + 1; else high = mid;
  }
  return low;
}

function drawAxis(style) {
  const per = (span.to - span.from) / Math.max(2, width() / 110), mag = 10 ** Math.floor(Math.log10(per));
  const step = mag * ([1, 2, 5, 10].find(m => m * mag >= per) || 10);
  ctx.fillStyle = style.getPropertyValue("--soft");
  ctx.strokeStyle = style.getPropertyValue("--line");
  for (let t = Math.max(0, Math.ceil(span.from / step) * step); t <= span.to; t += step) {
    const x = Math.round(toX(t)) + .5;
    ctx.beginPath();
    ctx.moveTo(x, AXIS - 6);
    ctx.lineTo(x, canvas.clientHeight);
    ctx.stroke();
    ctx.fillText(exact(t, step), x + 4, 12);
  }
}

function drawTrack(track, y, style) {
  const h = ROW - LABEL - PAD;
  let until = -1; // what is narrower than a pixel is drawn once a pixel
  for (let i = firstAfter(track.events, span.from); i < track.events.length && track.events[i].from <= span.to; i++) {
    const e = track.events[i], x0 = Math.max(0, toX(e.from)), x1 = Math.min(width(), toX(e.to)), w = x1 - x0;
    if (w < 1 && x0 < until) continue;
    until = Math.floor(x0) + 1;
    ctx.fillStyle = colour(e);
    ctx.fillRect(x0, y + LABEL, Math.max(1, w > 3 ? w - 1 : w), h);
    if (w > 30 && ctx.measureText(e.name).width < w - 12) {
      ctx.fillStyle = e.name === "KVM_RUN" ? style.getPropertyValue("--ink") : "#fff";
      ctx.fillText(e.name, x0 + 6, y + LABEL + h / 2 + .5);
    }
    if (e === picked) {
      ctx.strokeStyle = style.getPropertyValue("--ink");
      ctx.lineWidth = 2;
      ctx.strokeRect(x0 + 1, y + LABEL + 1, Math.max(2, w - 3), h - 2);
      ctx.lineWidth = 1;
    }
  }
}

function drawLabel(track, y, style) {
  ctx.fillStyle = style.getPropertyValue("--sunk");
  ctx.fillRect(0, y, ctx.measureText(track.name).width + 12, LABEL);
  ctx.fillStyle = style.getPropertyValue("--soft");
  ctx.fillText(track.name, 6, y + LABEL / 2);
}

function drawMark(m, style) {
  const x = Math.round(toX(m.from)) + .5, y = AXIS + tracks.indexOf(m.track) * ROW + LABEL + (ROW - LABEL - PAD) / 2;
  if (x < -8 || x > width() + 8) return;
  ctx.fillStyle = ctx.strokeStyle = style.getPropertyValue("--mark");
  ctx.globalAlpha = .4;
  ctx.beginPath();
  ctx.moveTo(x, AXIS);
  ctx.lineTo(x, canvas.clientHeight);
  ctx.stroke();
  ctx.globalAlpha = 1;
  ctx.beginPath();
  ctx.moveTo(x, y - 7);
  ctx.lineTo(x + 6, y);
  ctx.lineTo(x, y + 7);
  ctx.lineTo(x - 6, y);
  ctx.closePath();
  ctx.fill();
  ctx.strokeStyle = style.getPropertyValue("--card");
  ctx.stroke();
}

function draw() {
  const style = getComputedStyle(document.documentElement), dpr = window.devicePixelRatio || 1, shown = span.to - span.from;
  const height = AXIS + tracks.length * ROW;
  canvas.style.height = height + "px";
  canvas.width = Math.round(width() * dpr);
  canvas.height = Math.round(height * dpr);
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  ctx.font = '12px system-ui, "DejaVu Sans", sans-serif';
  ctx.textBaseline = "middle";
  drawAxis(style);
  tracks.forEach((t, i) => drawTrack(t, AXIS + i * ROW, style));
  tracks.forEach((t, i) => drawLabel(t, AXIS + i * ROW, style));
  marks.forEach(m => drawMark(m, style));
  $("range").textContent = `${exact(Math.max(0, span.from), shown)} to ${exact(span.to, shown)}: ${time(shown)} of ${time(all.to - all.from)}`;
}

// Zooms by a factor around a time, or moves; it stays within what there is, and 10 ns is the least.
function show(from, to) {
  const room = all.to - all.from, w = Math.min(room, Math.max(10, to - from));
  from = Math.max(all.from, Math.min(from, all.to - w));
  span = { from, to: from + w };
  requestAnimationFrame(draw);
}
const zoom = (factor, at) => show(at - (at - span.from) * factor, at + (span.to - at) * factor);
const middle = () => (span.from + span.to) / 2;

function eventAt(x, y) {
  const track = tracks[Math.floor((y - AXIS) / ROW)];
  if (!track) return null;
  const near = marks.find(m => m.track === track && Math.abs(toX(m.from) - x) < 7);
  if (near) return near;
  const i = firstAfter(track.events, toT(x - 1)), e = track.events[i];
  return e && toX(e.from) <= x + 1 ? e : null;
}

function tell(e) {
  const out = $("readout");
  picked = e;
  if (e) {
    out.textContent = "";
    out.className = "event";
    add(out, "b", e.name);
    add(out, "span", e.mark ? `mark of ${e.track.name} at ${exact(e.from, 1)}` : `${e.track.name}, ${time(e.to - e.from)} from ${exact(e.from, 1)} on`);
    const args = Object.entries(e.args).map(([k, v]) => `${k} ${v}`).join("   ");
    if (args) {
      add(out, "br");
      add(out, "code", args);
    }
  }
  requestAnimationFrame(draw);
}

// The event after or before the picked one on its track, brought into view.
function stepTo(by) {
  const track = picked && !picked.mark ? picked.track : tracks[0];
  const i = picked && !picked.mark ? track.events.indexOf(picked) + by : firstAfter(track.events, span.from);
  const e = track.events[i];
  if (!e) return;
  if (e.from < span.from || e.to > span.to) show(e.from - (span.to - span.from) / 2, e.from + (span.to - span.from) / 2);
  pinned = true;
  tell(e);
}

function listen() {
  const fingers = new Map();
  let moved = 0;
  canvas.addEventListener("wheel", w => {
    w.preventDefault();
    const pan = w.shiftKey || Math.abs(w.deltaX) > Math.abs(w.deltaY), t = (span.to - span.from) / width();
    if (pan) show(span.from + (w.deltaX || w.deltaY) * t, span.to + (w.deltaX || w.deltaY) * t);
    else zoom(Math.exp(Math.max(-1, Math.min(1, w.deltaY / 240))), toT(w.offsetX));
  }, { passive: false });
  canvas.addEventListener("pointerdown", p => {
    canvas.setPointerCapture(p.pointerId);
    fingers.set(p.pointerId, p.offsetX);
    moved = 0;
  });
  canvas.addEventListener("pointermove", p => {
    const before = fingers.get(p.pointerId);
    if (before === undefined) {
      if (!pinned) tell(eventAt(p.offsetX, p.offsetY) || picked);
      return;
    }
    const others = [...fingers].filter(([id]) => id !== p.pointerId).map(([, x]) => x);
    moved += Math.abs(p.offsetX - before);
    if (others.length === 1) {
      const gap = Math.abs(p.offsetX - others[0]), was = Math.abs(before - others[0]);
      if (gap > 5 && was > 5) zoom(was / gap, toT((before + others[0]) / 2));
    } else if (!others.length) {
      const t = (before - p.offsetX) * (span.to - span.from) / width();
      show(span.from + t, span.to + t);
    }
    fingers.set(p.pointerId, p.offsetX);
  });
  canvas.addEventListener("pointerup", p => {
    fingers.delete(p.pointerId);
    if (moved > 4) return;
    const e = eventAt(p.offsetX, p.offsetY);
    pinned = !!e;
    tell(e);
  });
  canvas.addEventListener("pointercancel", p => fingers.delete(p.pointerId));
  canvas.addEventListener("keydown", k => {
    const w = (span.to - span.from) / 5;
    const keys = { "+": () => zoom(.5, middle()), "=": () => zoom(.5, middle()), "-": () => zoom(2, middle()),
      "0": () => show(all.from, all.to), ArrowLeft: () => show(span.from - w, span.to - w),
      ArrowRight: () => show(span.from + w, span.to + w), n: () => stepTo(1), p: () => stepTo(-1) };
    if (!keys[k.key] || k.ctrlKey || k.metaKey || k.altKey) return;
    k.preventDefault();
    keys[k.key]();
  });
  $("zoom-in").onclick = () => zoom(.5, middle());
  $("zoom-out").onclick = () => zoom(2, middle());
  $("fit").onclick = () => show(all.from, all.to);
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

function showTimeline() {
  readTrace();
  if (!tracks.length) return;
  $("timeline-part").hidden = false;
  const other = trace.otherData || {}, shown = tracks.reduce((n, t) => n + t.events.length, marks.length);
  if (other.events > shown) $("lost").textContent = `· the newest ${number(shown)} of ${number(other.events)} events`;
  for (const m of marks.slice(0, 40)) {
    const b = add($("marks"), "button", m.name || "(no name)");
    b.title = time(m.from);
    b.onclick = () => {
      const w = Math.min(all.to - all.from, span.to - span.from) / 2;
      show(m.from - w, m.from + w);
      pinned = true;
      tell(m);
    };
  }
  listen();
  draw();
}

/* --- the histogram: powers of two of nanoseconds --- */

function showHistogram() {
  const exits = [];
  for (const t of tracks)
    t.events.forEach((e, i) => {
      const before = t.events[i - 1];
      if (e.args.reason) exits.push({ name: e.name, host: e.to - e.from, run: before && before.name === "KVM_RUN" ? before.to - before.from : null });
    });
  if (!exits.length) return;
  $("histogram-part").hidden = false;
  const counts = new Map();
  for (const e of exits) counts.set(e.name, (counts.get(e.name) || 0) + 1);
  add($("kind"), "option", `all exits (${number(exits.length)})`).value = "";
  for (const [name, n] of [...counts].sort((a, b) => b[1] - a[1]).slice(0, 50)) add($("kind"), "option", `${name} (${number(n)})`).value = name;
  const bucket = ns => Math.floor(Math.log2(Math.max(1, ns)));
  const fill = () => {
    const run = [], host = [], kind = $("kind").value;
    for (const e of exits) {
      if (kind && e.name !== kind) continue;
      host[bucket(e.host)] = (host[bucket(e.host)] || 0) + 1;
      if (e.run !== null) run[bucket(e.run)] = (run[bucket(e.run)] || 0) + 1;
    }
    const first = Math.min(...[run, host].map(a => a.findIndex(n => n)).filter(i => i >= 0));
    const last = Math.max(run.length, host.length, first + 8), most = Math.max(...run.filter(Boolean), ...host.filter(Boolean));
    $("histogram").textContent = "";
    for (let i = first; i < last; i++) {
      const col = add($("histogram"), "div", undefined, "col"), bars = add(col, "div", undefined, "bars");
      for (const [a, cls] of [[run, "run"], [host, "host"]]) {
        const n = a[i] || 0;
        add(bars, "i", undefined, cls).style.height = n ? `max(2px, ${100 * n / most}%)` : "0";
      }
      col.title = `${time(2 ** i)} to ${time(2 ** (i + 1))}: ${number(run[i])} times in KVM_RUN, ${number(host[i])} in snug`;
      add(col, "small", time(2 ** i).replace(/\.\d+/, ""));
    }
  };
  $("kind").onchange = fill;
  fill();
}

showHead();
showConsole();
showExits();
showTimeline();
showHistogram();
document.documentElement.dataset.ready = "yes";

// Draws a timeline: a row for each view, time from left to right. Only the rows in sight are drawn, so a file
// of ten thousand views costs what one of forty does.
import { byId } from "./dom.js";
import { formatTime } from "./format.js";
import { showHosts } from "./hosts.js";
import { Pen } from "./pen.js";
import { tellRow, tellTimeline } from "./telling.js";
import { isComplete, stateOf, Timeline } from "./timeline.js";

const AXIS = 22;
const GUTTER = 52;
const ROW = 12;
/** Frames a second, where motion is to be reduced. */
const CALM = 4;

/** The waterfall of the page. */
export class Waterfall {
  #timeline = new Timeline(0);
  #root = byId("waterfall");
  #canvas = this.#root.querySelector("canvas");
  #context = this.#canvas.getContext("2d");
  #pen = new Pen(this.#context);
  #colours; #chosen = null;
  /** Whether the rows in flight are kept in sight: until somebody scrolls. */
  #follows = true;
  #running = false; #drawnAt = 0;
  #size = { width: 0, height: 0 };
  /** The rows in sight. */
  #first = 0; #last = -1;
  /** The time at the left, and how many milliseconds it is to the right. */
  #from = 0; #span = 1;

  constructor() {
    this.#readColours();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#readColours());
    new ResizeObserver(() => this.draw()).observe(this.#root);
    this.#root.addEventListener("scroll", () => this.draw(), { passive: true });
    for (const kind of ["wheel", "touchmove", "pointerdown"]) this.#root.addEventListener(kind, () => { this.#follows = false; }, { passive: true });
    this.#root.addEventListener("pointermove", (event) => this.#choose(this.#rowAt(event)));
    this.#root.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Shows another timeline, and keeps drawing it until `finish`. */
  show(timeline) {
    this.#timeline = timeline;
    this.#follows = true;
    this.#chosen = null;
    this.#root.scrollTop = 0;
    byId("waterfall-view").textContent = "\u00a0";
    if (!this.#running) requestAnimationFrame(this.#frame);
    this.#running = true;
  }

  /** Draws the end, and sums it up for those who do not see it. */
  finish() {
    this.#running = false;
    this.#timeline.stop();
    this.draw();
    byId("waterfall-summary").textContent = tellTimeline(this.#timeline);
  }

  #frame = (now) => {
    if (!this.#running) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!calm || now - this.#drawnAt > 1000 / CALM) {
      this.#drawnAt = now;
      this.draw();
    }
    requestAnimationFrame(this.#frame);
  };

  draw() {
    this.#layOut();
    const { width, height } = this.#size;
    const context = this.#context;
    context.clearRect(0, 0, width, height);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.#drawAxis();
    context.save();
    context.beginPath();
    context.rect(0, AXIS, width, height - AXIS);
    context.clip();
    for (let index = this.#first; index <= this.#last; index++) this.#drawRow(index);
    context.restore();
    showHosts(this.#timeline.hosts);
  }

  // The canvas is as large as what is in sight, and stays there; the element around it is as long as all rows.
  #layOut() {
    const { clientWidth: width, clientHeight: height } = this.#root;
    const rows = this.#timeline.rows.length;
    this.#root.style.setProperty("--rows-height", `${AXIS + rows * ROW + 4}px`);
    if (this.#running && this.#follows) this.#root.scrollTop = (this.#timeline.front + 2) * ROW + AXIS - height;
    const scale = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * scale) || this.#canvas.height !== Math.round(height * scale)) {
      Object.assign(this.#canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    }
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#size = { width, height };
    this.#first = Math.floor(this.#root.scrollTop / ROW);
    this.#last = Math.min(this.#first + Math.ceil((height - AXIS) / ROW), rows - 1);
    this.#fitTime();
  }

  // Where all rows are in sight, so is all of the time. Else only the time of those in sight: a thousand rows
  // over all of it would be a thousand dots.
  #fitTime() {
    const { rows, startedAt = 0, now } = this.#timeline;
    const seen = rows.slice(this.#first, this.#last + 1).filter(Boolean);
    const isPartial = this.#last - this.#first + 1 < rows.length && seen.length > 0;
    this.#from = isPartial ? Math.min(...seen.map((row) => row.queuedAt ?? now)) : startedAt;
    const elapsed = Math.max((isPartial ? Math.max(...seen.map((row) => row.deliveredAt ?? now)) : now) - this.#from, 10);
    // While it runs the scale changes in steps: a scale that slides with the time cannot be read.
    this.#span = this.#running ? stepAbove(elapsed) : elapsed;
  }

  #x(at) {
    return GUTTER + ((at - this.#from) / this.#span) * (this.#size.width - GUTTER - 10);
  }

  #drawAxis() {
    const context = this.#context;
    const { width, height } = this.#size;
    const step = stepAbove(this.#span / Math.max((width - GUTTER) / 80, 2));
    context.fillStyle = this.#colours.muted;
    context.textAlign = "left";
    context.fillText("view", 6, AXIS / 2);
    context.textAlign = "center";
    const begun = this.#from - (this.#timeline.startedAt ?? 0);
    for (let time = Math.ceil(begun / step) * step; time <= begun + this.#span; time += step) {
      const x = Math.round(this.#x(this.#from - begun + time)) + 0.5;
      this.#pen.line(x, AXIS, x, height, this.#colours.line);
      if (x < width - 24) context.fillText(formatTime(time), Math.max(x, GUTTER + 12), AXIS / 2);
    }
  }

  #drawRow(index) {
    const row = this.#timeline.rows[index];
    const top = AXIS + index * ROW - this.#root.scrollTop;
    const middle = top + ROW / 2;
    if (index === this.#chosen) this.#pen.box(0, top, this.#size.width, ROW, this.#colours.chosen);
    this.#drawLabel(index, row, middle);
    if (!row) return;
    this.#drawQueued(row, middle);
    for (const attempt of row.attempts) this.#drawAttempt(attempt, top, row);
    this.#drawHeld(row, middle);
    if (row.deliveredAt !== undefined) this.#pen.arrow(this.#x(row.deliveredAt), top + 2, ROW - 4, this.#colours.ink);
  }

  #drawLabel(index, row, middle) {
    const context = this.#context;
    context.textAlign = "right";
    context.fillStyle = row ? this.#colours.muted : this.#colours.faint;
    context.fillText(index, GUTTER - 20, middle);
    const host = row?.attempts.at(-1)?.host;
    if (host === undefined) return;
    const { letter, colour } = this.#timeline.host(host);
    context.textAlign = "left";
    context.fillStyle = this.#colours.hosts[colour];
    context.fillText(letter, GUTTER - 14, middle);
  }

  #drawQueued({ queuedAt, attempts: [first], deliveredAt }, middle) {
    if (queuedAt === undefined) return;
    const end = first?.at ?? deliveredAt ?? this.#timeline.now;
    this.#pen.dots(this.#x(queuedAt), this.#x(end), middle, this.#colours.muted);
  }

  // Hollow while it waits for headers, full while its body arrives: told apart without any colour.
  #drawAttempt(attempt, top, row) {
    const colour = this.#colours.hosts[this.#timeline.host(attempt.host).colour];
    const end = attempt.failedAt ?? this.#timeline.now;
    const firstAt = attempt.firstAt ?? end;
    this.#pen.hollow(this.#x(attempt.at), top + 2, this.#x(firstAt), ROW - 4, colour);
    if (attempt.firstAt !== undefined) {
      const arrived = isComplete(attempt) || row.decodedAt !== undefined || attempt.failedAt !== undefined;
      const lastAt = arrived ? attempt.lastAt ?? firstAt : end;
      this.#pen.box(this.#x(firstAt), top + 2, Math.max(this.#x(lastAt) - this.#x(firstAt), 2), ROW - 4, colour);
    }
    if (attempt.failedAt !== undefined) this.#pen.cross(this.#x(attempt.failedAt), top + ROW / 2, this.#colours.bad);
  }

  #drawHeld(row, middle) {
    const attempt = row.attempts.at(-1);
    if (!attempt || !["held", "delivered"].includes(stateOf(row))) return;
    const from = this.#x(row.decodedAt ?? attempt.lastAt ?? attempt.at);
    const to = this.#x(row.deliveredAt ?? this.#timeline.now);
    if (to > from) this.#pen.box(from, middle - 1.5, to - from, 3, this.#colours.held);
  }

  #rowAt({ clientY }) {
    const { top } = this.#root.getBoundingClientRect();
    const index = Math.floor((clientY - top - AXIS + this.#root.scrollTop) / ROW);
    return index >= 0 && index < this.#timeline.rows.length ? index : this.#chosen;
  }

  #onKey(event) {
    const last = this.#timeline.rows.length - 1;
    const to = { ArrowDown: (this.#chosen ?? -1) + 1, ArrowUp: (this.#chosen ?? 1) - 1, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.#follows = false;
    const index = Math.min(Math.max(to, 0), last);
    const top = index * ROW;
    const room = this.#root.clientHeight - AXIS - 2 * ROW;
    this.#root.scrollTop = Math.min(Math.max(this.#root.scrollTop, top - room), top);
    this.#choose(index);
  }

  #choose(index) {
    if (index === null || index === this.#chosen) return;
    this.#chosen = index;
    byId("waterfall-view").textContent = tellRow(this.#timeline.rows[index], index);
    this.draw();
  }

  #readColours() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    const names = ["ink", "muted", "faint", "line", "chosen", "held", "bad"];
    this.#colours = { ...Object.fromEntries(names.map((name) => [name, read(name)])), hosts: [0, 1, 2, 3, 4, 5].map((number) => read(`host${number}`)) };
    this.draw();
  }
}

/** The next of 1, 2, 5, 10, 20, 50 ... */
function stepAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].find((factor) => factor * power >= value) * power;
}

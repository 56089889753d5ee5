// Draws a timeline: a row for each view, time from left to right. Only the visible rows are drawn, so a file of ten thousand views
// costs as much as one of forty.
import { Axis, AXIS, GUTTER, stepAbove } from "./axis.js";
import { Shapes } from "./canvas.js";
import { Charts } from "./charts.js";
import { readColours } from "./colours.js";
import { describeRow, describeTimeline } from "./describe.js";
import { byId } from "./dom.js";
import { showHosts } from "./hosts.js";
import { carrierOf, isComplete, stateOf, Timeline } from "./timeline.js";

const ROW = 12;
/** Above this number of rows, only the time of the visible ones is shown: over the whole run they would be dots. */
const MANY = 400;
/** Frames per second if motion is to be reduced. */
const CALM = 4;

/** The waterfall of the page. */
export class Waterfall {
  #timeline = new Timeline(0);
  #root = byId("waterfall");
  #canvas = this.#root.querySelector("canvas");
  #context = this.#canvas.getContext("2d");
  #shapes = new Shapes(this.#context);
  #colours; #chosen = null;
  /** Whether the view scrolls with the rows in flight: until the user scrolls. */
  #follows = true;
  /** Whether the user has chosen the time that is shown. */
  #isChosen = false;
  #running = false; #drawnAt = 0;
  #size = { width: 0, height: 0 };
  /** The visible rows. */
  #first = 0; #last = -1;
  /** The visible time. */
  #axis = new Axis();
  #charts = new Charts();

  constructor() {
    this.#readColours();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#readColours());
    new ResizeObserver(() => this.draw()).observe(this.#root);
    byId("span").addEventListener("change", () => { this.#isChosen = true; this.draw(); });
    this.#root.addEventListener("scroll", () => this.draw(), { passive: true });
    for (const kind of ["wheel", "touchmove", "pointerdown"]) this.#root.addEventListener(kind, () => { this.#follows = false; }, { passive: true });
    this.#root.addEventListener("pointermove", (event) => this.#choose(this.#rowAt(event)));
    this.#root.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Shows another timeline, and draws it until `finish`. */
  show(timeline) {
    this.#timeline = timeline;
    this.#follows = true;
    this.#chosen = null;
    this.#root.scrollTop = 0;
    byId("waterfall-view").textContent = "\u00a0";
    if (!this.#isChosen) byId("span").querySelector(`[value=${timeline.rows.length > MANY ? "rows" : "all"}]`).checked = true;
    if (!this.#running) requestAnimationFrame(this.#frame);
    this.#running = true;
  }

  /** Draws the end, and summarises it for screen readers. */
  finish() {
    this.#running = false;
    this.#timeline.stop();
    this.draw();
    this.#charts.describe(this.#timeline);
    byId("waterfall-summary").textContent = describeTimeline(this.#timeline);
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
    this.#charts.draw(this.#timeline, this.#axis, this.#colours, this.#isZoomed ? null : this.#visibleTime);
    showHosts(this.#timeline.hosts);
  }

  // The canvas has the size of the visible part and is sticky; the element around it has the height of all rows.
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

  #fitTime() {
    const { startedAt = 0, now } = this.#timeline;
    const shown = (this.#isZoomed && this.#visibleTime) || { from: startedAt, to: now };
    const elapsed = Math.max(shown.to - shown.from, 10);
    // During a run the scale changes in steps: a scale that changes with each frame is unreadable.
    Object.assign(this.#axis, { from: shown.from, span: this.#running ? stepAbove(elapsed) : elapsed, width: this.#size.width, origin: startedAt });
  }

  get #isZoomed() {
    return byId("span").querySelector("[value=rows]").checked;
  }

  /** { from, to } of the visible rows; null if all rows are visible. */
  get #visibleTime() {
    const { rows, now } = this.#timeline;
    const visible = rows.slice(this.#first, this.#last + 1).filter(Boolean);
    if (visible.length === 0 || this.#last - this.#first + 1 >= rows.length) return null;
    return { from: Math.min(...visible.map((row) => row.queuedAt ?? now)), to: Math.max(...visible.map((row) => row.deliveredAt ?? now)) };
  }

  #x(at) {
    return this.#axis.x(at);
  }

  #drawAxis() {
    const context = this.#context;
    context.fillStyle = this.#colours.muted;
    context.textAlign = "left";
    context.fillText("view", 6, AXIS / 2);
    this.#axis.draw(context, this.#shapes, this.#size.height, this.#colours);
  }

  #drawRow(index) {
    const row = this.#timeline.rows[index];
    const top = AXIS + index * ROW - this.#root.scrollTop;
    const middle = top + ROW / 2;
    if (index === this.#chosen) this.#shapes.box(0, top, this.#size.width, ROW, this.#colours.chosen);
    this.#drawLabel(index, row, middle);
    if (!row) return;
    this.#drawQueued(row, middle);
    const isHedged = row.attempts.some(({ isHedge }) => isHedge);
    for (const attempt of row.attempts) this.#drawAttempt(attempt, isHedged ? halfOf(attempt, top) : { y: top + 2, height: ROW - 4 }, row);
    this.#drawHeld(row, middle);
    if (row.deliveredAt !== undefined) this.#shapes.arrow(this.#x(row.deliveredAt), top + 2, ROW - 4, this.#colours.ink);
  }

  #drawLabel(index, row, middle) {
    const context = this.#context;
    context.textAlign = "right";
    context.fillStyle = row ? this.#colours.muted : this.#colours.faint;
    context.fillText(index, GUTTER - 20, middle);
    const host = row && carrierOf(row)?.host;
    if (host === undefined) return;
    const { letter, colour } = this.#timeline.host(host);
    context.textAlign = "left";
    context.fillStyle = this.#colours.hosts[colour];
    context.fillText(letter, GUTTER - 14, middle);
  }

  #drawQueued({ queuedAt, attempts: [first], deliveredAt }, middle) {
    if (queuedAt === undefined) return;
    const end = first?.at ?? deliveredAt ?? this.#timeline.now;
    this.#shapes.dots(this.#x(queuedAt), this.#x(end), middle, this.#colours.muted);
  }

  // Hollow while it waits for headers, filled while its body arrives: distinguishable without colour. A hedge and the attempt it
  // races have half of the row each, and the hedge begins with a diamond.
  #drawAttempt(attempt, { y, height }, row) {
    const colour = this.#colours.hosts[this.#timeline.host(attempt.host).colour];
    const end = attempt.failedAt ?? attempt.lostAt ?? this.#timeline.now;
    const firstAt = Math.min(attempt.firstAt ?? end, end);
    this.#shapes.hollow(this.#x(attempt.at), y, this.#x(firstAt), height, colour);
    if (attempt.firstAt !== undefined) {
      const arrived = isComplete(attempt) || row.decodedAt !== undefined || attempt.failedAt !== undefined;
      const lastAt = arrived ? attempt.lastAt ?? firstAt : end;
      this.#shapes.box(this.#x(firstAt), y, Math.max(this.#x(lastAt) - this.#x(firstAt), 2), height, colour);
    }
    if (attempt.isHedge) this.#shapes.diamond(this.#x(attempt.at), y + height / 2, this.#colours.ink);
    if (attempt.failedAt !== undefined) this.#shapes.cross(this.#x(attempt.failedAt), y + height / 2, this.#colours.bad);
  }

  #drawHeld(row, middle) {
    const attempt = row.attempts.find(isComplete) ?? carrierOf(row);
    if (!attempt || !["held", "delivered"].includes(stateOf(row))) return;
    const from = this.#x(row.decodedAt ?? attempt.lastAt ?? attempt.at);
    const to = this.#x(row.deliveredAt ?? this.#timeline.now);
    if (to > from) this.#shapes.box(from, middle - 1.5, to - from, 3, this.#colours.held);
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
    byId("waterfall-view").textContent = describeRow(this.#timeline.rows[index], index);
    this.draw();
  }

  #readColours() {
    this.#colours = readColours();
    this.draw();
  }
}

const halfOf = ({ isHedge }, top) => ({ y: top + (isHedge ? ROW / 2 : 1), height: ROW / 2 - 1 });

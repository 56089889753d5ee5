// Charts above the waterfall, on its time axis: the concurrency, and the rate of each host.
import { AXIS, GUTTER } from "./axis.js";
import { Shapes } from "./canvas.js";
import { byId, write } from "./dom.js";
import { formatRate } from "./format.js";
import { describeCharts, describeLimits } from "./describe.js";
import { TICK } from "./timeline.js";

/** Heights in pixels: of the concurrency, of each host, and between them. */
const CONCURRENCY = 64;
const HOST = 30;
const SPACE = 8;
/** Hosts beyond the number of colours have no chart. */
const MOST_HOSTS = 6;
/** The minimum width of a step of a rate, in pixels. */
const STEP = 6;

/** The charts of the page. */
export class Charts {
  #root = byId("charts");
  #canvas = this.#root.querySelector("canvas");
  #context = this.#canvas.getContext("2d");
  #shapes = new Shapes(this.#context);
  #timeline; #axis; #colours;

  /** Draws the time that `axis` shows. `visible`: { from, to } of the visible rows, if that is less. */
  draw(timeline, axis, colours, visible) {
    this.#timeline = timeline;
    this.#axis = axis;
    this.#colours = colours;
    const hosts = [...timeline.hosts.values()].sort((one, other) => one.letter.localeCompare(other.letter)).slice(0, MOST_HOSTS);
    const height = AXIS + CONCURRENCY + hosts.length * (SPACE + HOST) + SPACE / 2;
    this.#layOut(height);
    if (visible) this.#shapes.box(axis.x(visible.from), AXIS, axis.x(visible.to) - axis.x(visible.from), height - AXIS, colours.chosen);
    axis.draw(this.#context, this.#shapes, height, colours);
    this.#drawConcurrency(AXIS + CONCURRENCY);
    const rates = hosts.map((host) => this.#ratesOf(host));
    const most = Math.max(1, ...rates.flat().map(({ rate }) => rate));
    hosts.forEach((host, index) => this.#drawHost(host, rates[index], AXIS + CONCURRENCY + (index + 1) * (SPACE + HOST), most));
    this.#write(timeline, most);
  }

  /** Describes the charts to screen readers. */
  describe(timeline) {
    this.#root.setAttribute("aria-label", describeCharts(timeline));
  }

  #layOut(height) {
    const { width } = this.#axis;
    const scale = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * scale) || this.#canvas.height !== Math.round(height * scale)) {
      Object.assign(this.#canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
      Object.assign(this.#canvas.style, { width: `${width}px`, height: `${height}px` });
    }
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#context.clearRect(0, 0, width, height);
    this.#context.font = "11px system-ui, sans-serif";
    this.#context.textBaseline = "middle";
  }

  // The limit is a line, the requests in flight are an area. Both are counts, so they change in steps.
  #drawConcurrency(ground) {
    const { limits, flights, hedges } = this.#timeline;
    const most = Math.max(1, highest(limits, "limit"), highest(flights, "count"));
    const points = (all, name) => this.#visible(all, name).map(({ x, value }) => ({ x, y: ground - (value / most) * (CONCURRENCY - 6) }));
    this.#clipped(() => {
      this.#shapes.steps(points(flights, "count"), this.#now, ground, this.#colours.held, { fill: true });
      this.#shapes.steps(points(limits, "limit"), this.#now, ground, this.#colours.ink);
      for (const at of hedges) this.#shapes.diamond(this.#axis.x(at), ground - 5, this.#colours.ink);
    });
    this.#drawGround(ground);
    this.#drawScale(most, ground - CONCURRENCY + 6, this.#colours.muted);
    this.#drawScale("0", ground - 4, this.#colours.muted);
  }

  // A count at each pixel: of the changes within one pixel, the highest, then the last, which continues.
  #visible(all, name) {
    const seen = [];
    let x = -Infinity;
    for (const each of all) {
      const value = each[name];
      const place = Math.max(Math.floor(this.#axis.x(each.at)), GUTTER - 1);
      if (place > this.#axis.width) break;
      if (place > x) seen.push({ x: place, value }, { x: place, value });
      seen.at(-2).value = Math.max(place > x ? 0 : seen.at(-2).value, value);
      seen.at(-1).value = value;
      x = place;
    }
    return seen;
  }

  #drawHost({ letter, colour, hedges, failures }, rates, ground, most) {
    const points = rates.map(({ at, rate }) => ({ x: Math.min(this.#axis.x(at), this.#now), y: ground - (rate / most) * (HOST - 4) }));
    this.#clipped(() => {
      this.#shapes.steps(points, this.#now, ground, this.#colours.hosts[colour], { fill: true });
      for (const at of hedges) this.#shapes.diamond(this.#axis.x(at), ground - 5, this.#colours.ink);
      for (const at of failures) this.#shapes.cross(this.#axis.x(at), ground - 5, this.#colours.bad);
    });
    this.#drawGround(ground);
    this.#drawScale(letter, ground - HOST / 2, this.#colours.hosts[colour]);
  }

  // The rate in each step of the visible time, [{ at, rate }]. A step is several ticks, so that it is wide enough.
  #ratesOf({ ticks }) {
    const { from, span, end } = this.#axis;
    const step = Math.max(1, Math.ceil((STEP * span) / ((end - GUTTER) * TICK)));
    const first = Math.floor(Math.max(from, 0) / TICK / step) * step;
    const last = Math.min(ticks.length, Math.ceil((from + span) / TICK));
    const rates = [];
    for (let tick = first; tick < last; tick += step) {
      const bytes = ticks.slice(tick, tick + step).reduce((sum, each) => sum + (each ?? 0), 0);
      rates.push({ at: tick * TICK, rate: (bytes / (step * TICK)) * 1000 });
    }
    // Zero after the last byte of a host.
    return [...rates, { at: (first + rates.length * step) * TICK, rate: 0 }];
  }

  get #now() {
    return Math.min(this.#axis.x(this.#timeline.now), this.#axis.end);
  }

  #clipped(draw) {
    this.#context.save();
    this.#context.beginPath();
    this.#context.rect(GUTTER, AXIS, this.#axis.end - GUTTER, this.#canvas.height);
    this.#context.clip();
    draw();
    this.#context.restore();
  }

  #drawGround(y) {
    this.#shapes.line(GUTTER, y + 0.5, this.#axis.end, y + 0.5, this.#colours.muted);
  }

  #drawScale(text, y, colour) {
    this.#context.textAlign = "right";
    this.#context.fillStyle = colour;
    this.#context.fillText(text, GUTTER - 8, y);
  }

  #write({ limits, hosts }, most) {
    write(byId("concurrency-now"), describeLimits(limits));
    write(byId("rate-most"), hosts.size > 0 ? formatRate(most) : "");
  }
}

const highest = (all, name) => all.reduce((top, each) => Math.max(top, each[name]), 0);

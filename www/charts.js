// Charts over the waterfall, on its time axis: how wide the window was, and what each host sent.
import { AXIS, GUTTER } from "./axis.js";
import { byId, write } from "./dom.js";
import { formatRate } from "./format.js";
import { Pen } from "./pen.js";
import { tellControl, tellWidths } from "./telling.js";
import { TICK } from "./timeline.js";

/** Heights: of the width, of each host, and between them. */
const WIDTH = 64;
const HOST = 30;
const SPACE = 8;
/** More hosts than have a colour of their own are not told apart. */
const MOST_HOSTS = 6;
/** The least that a step of a rate is wide, in pixels. */
const STEP = 6;

/** The charts of the page. */
export class Charts {
  #root = byId("charts");
  #canvas = this.#root.querySelector("canvas");
  #context = this.#canvas.getContext("2d");
  #pen = new Pen(this.#context);
  #timeline; #axis; #colours;

  /** Draws the time that `axis` shows. `sight`: { from, to } of the rows in sight, where that is less. */
  draw(timeline, axis, colours, sight) {
    this.#timeline = timeline;
    this.#axis = axis;
    this.#colours = colours;
    const hosts = [...timeline.hosts.values()].sort((one, other) => one.letter.localeCompare(other.letter)).slice(0, MOST_HOSTS);
    const height = AXIS + WIDTH + hosts.length * (SPACE + HOST) + SPACE / 2;
    this.#layOut(height);
    if (sight) this.#pen.box(axis.x(sight.from), AXIS, axis.x(sight.to) - axis.x(sight.from), height - AXIS, colours.chosen);
    axis.draw(this.#context, this.#pen, height, colours);
    this.#drawWidth(AXIS + WIDTH);
    const rates = hosts.map((host) => this.#ratesOf(host));
    const most = Math.max(1, ...rates.flat().map(({ rate }) => rate));
    hosts.forEach((host, index) => this.#drawHost(host, rates[index], AXIS + WIDTH + (index + 1) * (SPACE + HOST), most));
    this.#write(timeline, most);
  }

  /** Says what is drawn, for those who do not see it. */
  tell(timeline) {
    this.#root.setAttribute("aria-label", tellControl(timeline));
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

  // What may be in flight is a line, what is in flight an area; both are counts, so they go in steps.
  #drawWidth(ground) {
    const { widths, flights, hedges } = this.#timeline;
    const most = Math.max(1, highest(widths, "width"), highest(flights, "count"));
    const points = (all, name) => this.#inSight(all, name).map(({ x, value }) => ({ x, y: ground - (value / most) * (WIDTH - 6) }));
    this.#clipped(() => {
      this.#pen.steps(points(flights, "count"), this.#now, ground, this.#colours.held, { fill: true });
      this.#pen.steps(points(widths, "width"), this.#now, ground, this.#colours.ink);
      for (const at of hedges) this.#pen.diamond(this.#axis.x(at), ground - 5, this.#colours.ink);
    });
    this.#drawGround(ground);
    this.#drawScale(most, ground - WIDTH + 6, this.#colours.muted);
    this.#drawScale("0", ground - 4, this.#colours.muted);
  }

  // What a count was at each pixel: of a thousand changes in one, the highest, and the last, which goes on.
  #inSight(all, name) {
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
      this.#pen.steps(points, this.#now, ground, this.#colours.hosts[colour], { fill: true });
      for (const at of hedges) this.#pen.diamond(this.#axis.x(at), ground - 5, this.#colours.ink);
      for (const at of failures) this.#pen.cross(this.#axis.x(at), ground - 5, this.#colours.bad);
    });
    this.#drawGround(ground);
    this.#drawScale(letter, ground - HOST / 2, this.#colours.hosts[colour]);
  }

  // What came in each step of the time in sight, [{ at, rate }]. A step is some ticks, so that it can be seen.
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
    // After its last byte a host is silent.
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
    this.#pen.line(GUTTER, y + 0.5, this.#axis.end, y + 0.5, this.#colours.muted);
  }

  #drawScale(text, y, colour) {
    this.#context.textAlign = "right";
    this.#context.fillStyle = colour;
    this.#context.fillText(text, GUTTER - 8, y);
  }

  #write({ widths, hosts }, most) {
    write(byId("width-now"), tellWidths(widths));
    write(byId("rate-most"), hosts.size > 0 ? formatRate(most) : "");
  }
}

const highest = (all, name) => all.reduce((top, each) => Math.max(top, each[name]), 0);

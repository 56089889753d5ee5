// The time axis, from left to right: the waterfall and the charts above it share one.
import { formatTime } from "./format.js";

/** Pixels for labels at the left, and for the margin at the right. */
export const GUTTER = 52;
const MARGIN = 10;

/** The height of the line with the times. */
export const AXIS = 22;

/** Maps times to x positions. */
export class Axis {
  /** The time at the left edge, the milliseconds shown, and the width of the canvas in pixels. */
  from = 0; span = 1; width = 0;
  /** When the stream began: labels count from there. */
  origin = 0;

  /** The x position of a time. */
  x(at) {
    return GUTTER + ((at - this.from) / this.span) * (this.width - GUTTER - MARGIN);
  }

  /** The right end. */
  get end() {
    return this.width - MARGIN;
  }

  /** Draws a line for each round time down to `height`, with its label above. */
  draw(context, shapes, height, colours) {
    const step = stepAbove(this.span / Math.max((this.width - GUTTER) / 80, 2));
    context.fillStyle = colours.muted;
    context.textAlign = "center";
    const begun = this.from - this.origin;
    for (let time = Math.ceil(begun / step) * step; time <= begun + this.span; time += step) {
      const x = Math.round(this.x(this.origin + time)) + 0.5;
      shapes.line(x, AXIS, x, height, colours.line);
      if (x < this.width - 24) context.fillText(formatTime(time), Math.max(x, GUTTER + 12), AXIS / 2);
    }
  }
}

/** The smallest of 1, 2, 5, 10, 20, 50 ... that is not below `value`. */
export function stepAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].find((factor) => factor * power >= value) * power;
}

// The few shapes that a waterfall is made of.

/** Draws on a canvas. Bars reach from one x to another; colours are CSS colours. */
export class Pen {
  #context;

  constructor(context) {
    this.#context = context;
  }

  box(x, y, width, height, colour) {
    this.#context.fillStyle = colour;
    this.#context.fillRect(x, y, width, height);
  }

  hollow(from, y, to, height, colour) {
    if (to - from < 2) return;
    this.#context.strokeStyle = colour;
    this.#context.lineWidth = 1;
    // Half a pixel in: a line of one pixel is sharp there.
    this.#context.strokeRect(from + 0.5, y + 0.5, to - from - 1, height - 1);
  }

  line(x1, y1, x2, y2, colour) {
    this.#context.strokeStyle = colour;
    this.#context.lineWidth = 1;
    this.#context.beginPath();
    this.#context.moveTo(x1, y1);
    this.#context.lineTo(x2, y2);
    this.#context.stroke();
  }

  dots(from, to, y, colour) {
    this.#context.setLineDash([2, 3]);
    this.line(from, y, to, y, colour);
    this.#context.setLineDash([]);
  }

  cross(x, y, colour) {
    this.line(x - 4, y - 4, x + 4, y + 4, colour);
    this.line(x - 4, y + 4, x + 4, y - 4, colour);
  }

  arrow(x, y, height, colour) {
    this.#context.fillStyle = colour;
    this.#context.beginPath();
    this.#context.moveTo(x, y);
    this.#context.lineTo(x + 5, y + height / 2);
    this.#context.lineTo(x, y + height);
    this.#context.fill();
  }
}

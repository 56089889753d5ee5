// The shapes that the waterfall and its charts are drawn with.

/** Draws on a canvas. Bars reach from one x to another; colours are CSS colours. */
export class Shapes {
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

  // Marks a hedge.
  diamond(x, y, colour) {
    this.#context.fillStyle = colour;
    this.#context.beginPath();
    for (const [dx, dy] of [[0, -4], [4, 0], [0, 4], [-4, 0]]) this.#context.lineTo(x + dx, y + dy);
    this.#context.fill();
  }

  // A step line through points, each of which holds until the next. `fill` fills it down to the ground line.
  steps(points, end, ground, colour, { fill = false } = {}) {
    if (points.length === 0) return;
    const context = this.#context;
    context.beginPath();
    if (fill) context.moveTo(points[0].x, ground);
    points.forEach(({ x, y }, index) => {
      context.lineTo(x, y);
      context.lineTo(points[index + 1]?.x ?? end, y);
    });
    if (fill) context.lineTo(end, ground);
    Object.assign(context, fill ? { fillStyle: colour } : { strokeStyle: colour, lineWidth: 1.5 });
    fill ? context.fill() : context.stroke();
    context.lineWidth = 1;
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

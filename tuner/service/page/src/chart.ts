/* A chart on a canvas: axes with their names and ticks, and series in their order. It is drawn whole, in a few
 * milliseconds, whenever it changes; what reads it off is `figure`. */
import { scaleOf, type Axis, type Scale } from "./scale";
import { extentOf, paint, type Room, type Series } from "./series";
import type { Colours } from "./theme";

export interface Picture { x: Axis; y: Axis; series: Series[] }

const FONT = "12px system-ui, sans-serif", NARROW = 480, TOP = 26, RIGHT = 16, BOTTOM = 44, EDGE = 8, GAP = 8, APART = 8;

interface Size { width: number; height: number }

const inRoom = (r: Omit<Room, "x" | "y">, x: Scale, y: Scale): Room => ({ ...r, x: (v) => r.left + x.at(v) * (r.right - r.left), y: (v) => r.bottom - y.at(v) * (r.bottom - r.top) });

function frame(pen: CanvasRenderingContext2D, p: Picture, c: Colours, { width, height }: Size): Room {
    const narrow = width < NARROW, scale = (a: Axis, along: "x" | "y", most: number): Scale => scaleOf(a, extentOf(p.series, along, a.kind === "log"), a.kind === "log" ? (narrow ? 5 : 7) : most);
    const x = scale(p.x, "x", narrow ? 4 : 6), y = scale(p.y, "y", 5), left = EDGE + GAP + Math.max(0, ...y.ticks.map((t) => pen.measureText(t.text).width));
    const room = inRoom({ left, top: TOP, right: Math.max(left + 1, width - RIGHT), bottom: Math.max(TOP + 1, height - BOTTOM) }, x, y);
    rules(pen, y, c, room);
    beside(pen, y, c, room);
    beneath(pen, x, c, room, width);
    pen.textAlign = "left";
    pen.fillText(p.y.name, left, TOP - 12);
    pen.textAlign = "right";
    pen.fillText(p.x.name, room.right, height - 6);
    return room;
}

function rules(pen: CanvasRenderingContext2D, y: Scale, c: Colours, r: Room): void {
    const rule = (at: number): void => pen.fillRect(r.left, Math.round(at), r.right - r.left, 1);
    pen.fillStyle = c.rule;
    pen.globalAlpha = 0.6;
    for (const t of y.ticks) rule(r.bottom - t.at * (r.bottom - r.top));
    pen.globalAlpha = 1;
    rule(r.bottom);
}

function beside(pen: CanvasRenderingContext2D, y: Scale, c: Colours, r: Room): void {
    pen.fillStyle = c.quiet;
    pen.textAlign = "right";
    for (const t of y.ticks) pen.fillText(t.text, r.left - GAP, r.bottom - t.at * (r.bottom - r.top) + 4);
}

/* Those that would touch the one before are left out. */
function beneath(pen: CanvasRenderingContext2D, x: Scale, c: Colours, r: Room, width: number): void {
    let end = -Infinity;
    pen.fillStyle = c.quiet;
    pen.textAlign = "left";
    for (const t of x.ticks) {
        const wide = pen.measureText(t.text).width, from = Math.min(r.left + t.at * (r.right - r.left) - wide / 2, width - wide);
        if (from < end + APART) continue;
        pen.fillText(t.text, from, r.bottom + 18);
        end = from + wide;
    }
}

function drawOn(canvas: HTMLCanvasElement, p: Picture, c: Colours, size: Size, scale: number, background?: string): Room {
    const pen = canvas.getContext("2d")!;
    canvas.width = Math.round(size.width * scale);
    canvas.height = Math.round(size.height * scale);
    pen.scale(scale, scale);
    pen.font = FONT;
    if (background) {
        pen.fillStyle = background;
        pen.fillRect(0, 0, size.width, size.height);
    }
    const room = frame(pen, p, c, size);
    for (const s of [...p.series].sort((a, b) => a.z - b.z)) paint(pen, s, room, scale);
    return room;
}

/* Drawn as soon as it is known what, and how large. */
export class Chart {
    private shown: { picture: Picture; colours: Colours } | null = null;
    private size: Size | null = null;
    room: Room | null = null; /* where values are drawn, in pixels; null: nothing is drawn */

    constructor(private readonly canvas: HTMLCanvasElement) {}

    draw(picture: Picture, colours: Colours): void {
        this.shown = { picture, colours };
        this.redraw();
    }

    resize(width: number, height: number): void {
        if (width === this.size?.width && height === this.size.height) return;
        this.size = { width, height };
        this.redraw();
    }

    private redraw(): void {
        if (this.shown && this.size) this.room = drawOn(this.canvas, this.shown.picture, this.shown.colours, this.size, devicePixelRatio || 1);
    }

    /* As a picture for a paper or a chat. */
    image(background: string): string {
        const canvas = document.createElement("canvas");
        if (this.shown && this.size) drawOn(canvas, this.shown.picture, this.shown.colours, this.size, 2, background);
        return canvas.toDataURL("image/png");
    }
}

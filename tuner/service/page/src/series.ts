/* Series: what a chart draws, as marks, lines and bands. Many marks are a density, pixel by pixel, so that 50,000 take as
 * long as a thousand. */
import type { Colours } from "./theme";
import type { State } from "./words";

/* Columns of the same length. */
export interface Points { x: number[]; y: number[]; trial: number[] }
export const noPoints = (): Points => ({ x: [], y: [], trial: [] });
export function put(p: Points, x: number, y: number, trial: number): void {
    p.x.push(x);
    p.y.push(y);
    p.trial.push(trial);
}
/* The point of a trial alone, if it has one. */
export function only(p: Points, trial: number | null | undefined): Points | null {
    const i = p.trial.indexOf(trial ?? NaN);
    return i < 0 ? null : { x: [p.x[i]!], y: [p.y[i]!], trial: [p.trial[i]!] };
}

/* Without comparisons of ours: 50,000 numbers in a few milliseconds. */
export const sorted = (values: number[]): Float64Array => new Float64Array(values).sort();

type Shape = "circle" | "triangle" | "cross" | "diamond" | "half" | "star" | "square";
interface Look { shape: Shape; size: number; fill: string; line: string; width: number } /* size: pixels across */

export interface Marks { kind: "marks"; x: number[]; y: number[]; look: Look; z: number }
export interface Line { kind: "line"; points: [number, number][]; colour: string; width: number; dash: "solid" | "dashed" | "dotted"; opacity: number; stepped: boolean; z: number }
export interface Band { kind: "band"; points: [number, number, number][]; colour: string; opacity: number; z: number } /* x, low, high */
export type Series = Marks | Line | Band;

/* Where values are drawn: pixels of the element, and the edges. */
export interface Room { x: (v: number) => number; y: (v: number) => number; left: number; top: number; right: number; bottom: number }

const LARGE = 3000, ROUND = 2 /* pixels: a line on an edge is seen whole */, DOT = 3, DOT_OPACITY = 0.35, DASHES = { solid: [], dashed: [6, 4], dotted: [2, 3] };

/* Shape and colour of a state: never by colour alone. */
export function markOf(state: State | "lost" | "winner" | "reference" | "baseline", c: Colours): Look {
    const none = "transparent";
    switch (state) {
        case "complete": return { shape: "circle", size: 7, fill: c.complete, line: c.page, width: 1 };
        case "pruned": return { shape: "triangle", size: 7, fill: none, line: c.pruned, width: 1.5 };
        case "failed": return { shape: "cross", size: 8, fill: none, line: c.failed, width: 1.5 };
        case "infeasible": return { shape: "diamond", size: 9, fill: c.page, line: c.infeasible, width: 1.5 };
        case "running": case "leased": return { shape: "half", size: 9, fill: c.running, line: c.running, width: 1 };
        case "winner": return { shape: "star", size: 17, fill: c.ink, line: c.page, width: 1 };
        case "baseline": return { shape: "square", size: 9, fill: c.ink, line: c.page, width: 1 };
        case "reference": return { shape: "square", size: 9, fill: c.page, line: c.ink, width: 1.5 };
        case "queued": case "cancelled": case "lost": return { shape: "circle", size: 7, fill: none, line: c.quiet, width: 1.5 };
    }
}

export function marks(state: Parameters<typeof markOf>[0], at: Points, c: Colours, more: Partial<Look> = {}, z?: number): Marks {
    return { kind: "marks", x: at.x, y: at.y, look: { ...markOf(state, c), ...more }, z: z ?? (state === "winner" ? 9 : state === "reference" || state === "baseline" ? 8 : state === "pruned" ? 2 : 4) };
}

export const line = (points: [number, number][], colour: string, more: Partial<Line> = {}): Line => ({ kind: "line", points, colour, width: 1.5, dash: "solid", opacity: 1, stepped: false, z: 2, ...more });

/* An area between two curves, for intervals. */
export const band = (points: [number, number, number][], colour: string, opacity: number): Band => ({ kind: "band", points, colour, opacity, z: 1 });

/* The least and the greatest along an axis, of a log scale above 0. */
export function extentOf(series: Series[], along: "x" | "y", log: boolean): [number, number] {
    let lo = Infinity, hi = -Infinity;
    const take = (v: number): void => {
        if (v < lo && (!log || v > 0)) lo = v;
        if (v > hi && v < Infinity) hi = v;
    };
    for (const s of series) {
        if (s.kind === "marks") s[along].forEach(take);
        else for (const [x, ...y] of s.points) (along === "x" ? [x] : y).forEach(take);
    }
    return [lo, hi];
}

/* ---- painting ---- */

export function paint(pen: CanvasRenderingContext2D, s: Series, room: Room, scale: number): void {
    pen.save();
    if (s.kind === "marks") (s.x.length > LARGE ? crowd : each)(pen, s, room, scale);
    else {
        pen.beginPath();
        pen.rect(room.left - ROUND, room.top - ROUND, room.right - room.left + 2 * ROUND, room.bottom - room.top + 2 * ROUND);
        pen.clip();
        pen.globalAlpha = s.opacity;
        pen.beginPath();
        if (s.kind === "line") stroke(pen, s, room);
        else fill(pen, s, room);
    }
    pen.restore();
}

function stroke(pen: CanvasRenderingContext2D, s: Line, room: Room): void {
    let before = NaN;
    for (const [a, b] of s.points) {
        const x = room.x(a), y = room.y(b);
        if (!Number.isFinite(y) || Number.isNaN(before)) pen.moveTo(x, y);
        else {
            if (s.stepped) pen.lineTo(x, before);
            pen.lineTo(x, y);
        }
        before = y;
    }
    pen.strokeStyle = s.colour;
    pen.lineWidth = s.width;
    pen.lineJoin = "round";
    pen.setLineDash(DASHES[s.dash]);
    pen.stroke();
}

function fill(pen: CanvasRenderingContext2D, s: Band, room: Room): void {
    for (const [x, low] of s.points) pen.lineTo(room.x(x), room.y(low));
    for (const [x, , high] of [...s.points].reverse()) pen.lineTo(room.x(x), room.y(high));
    pen.fillStyle = s.colour;
    pen.fill();
}

const SHAPES: Record<Shape, (r: number) => string> = {
    circle: (r) => `M${-r},0 A${r},${r} 0 1 1 ${r},0 A${r},${r} 0 1 1 ${-r},0 Z`,
    triangle: (r) => `M${-r},${-0.9 * r} L${r},${-0.9 * r} L0,${0.9 * r} Z`,
    cross: (r) => `M${-r},${-r} L${r},${r} M${r},${-r} L${-r},${r}`,
    diamond: (r) => `M0,${-r} L${r},0 L0,${r} L${-r},0 Z`,
    half: (r) => `M0,${-r} A${r},${r} 0 0 1 0,${r} Z`,
    star: (r) => `M${Array.from({ length: 10 }, (_, i) => { const a = (Math.PI * i) / 5, q = i % 2 ? 0.42 * r : r; return `${(q * Math.sin(a)).toFixed(2)},${(-q * Math.cos(a)).toFixed(2)}`; }).join(" L")} Z`,
    square: (r) => `M${-r},${-r} L${r},${-r} L${r},${r} L${-r},${r} Z`,
};

/* The mark, drawn once, to be set down anywhere. */
function stamp(l: Look, scale: number): { image: HTMLCanvasElement; side: number } {
    const image = document.createElement("canvas"), side = Math.ceil(l.size + l.width + 2), pen = image.getContext("2d")!, shape = new Path2D(SHAPES[l.shape](l.size / 2));
    image.width = image.height = Math.ceil(side * scale);
    pen.setTransform(scale, 0, 0, scale, image.width / 2, image.height / 2);
    pen.fillStyle = l.fill;
    pen.strokeStyle = l.line;
    pen.lineWidth = l.width;
    pen.fill(shape);
    if (l.shape === "half") pen.stroke(new Path2D(SHAPES.circle(l.size / 2)));
    else pen.stroke(shape);
    return { image, side: image.width / scale };
}

const within = (x: number, y: number, r: Room): boolean => x >= r.left - 0.5 && x <= r.right + 0.5 && y >= r.top - 0.5 && y <= r.bottom + 0.5;

function each(pen: CanvasRenderingContext2D, s: Marks, room: Room, scale: number): void {
    const { image, side } = stamp(s.look, scale);
    for (let i = 0; i < s.x.length; i++) {
        const x = room.x(s.x[i]!), y = room.y(s.y[i]!);
        if (within(x, y, room)) pen.drawImage(image, x - side / 2, y - side / 2, side, side);
    }
}

/* Dots of which each lets most through: how many lie on a pixel is how dark it is. */
function shade(s: Marks, room: Room, scale: number, size: number): HTMLCanvasElement | null {
    const image = document.createElement("canvas"), ink = image.getContext("2d")!, wide = Math.ceil((room.right - room.left) * scale) + size, high = Math.ceil((room.bottom - room.top) * scale) + size;
    if (wide <= size || high <= size) return null;
    const many = new Uint16Array(wide * high);
    for (let i = 0; i < s.x.length; i++) {
        const x = room.x(s.x[i]!), y = room.y(s.y[i]!);
        if (!within(x, y, room)) continue;
        const from = Math.max(0, Math.round((y - room.top) * scale)) * wide + Math.max(0, Math.round((x - room.left) * scale));
        for (let row = from; row < from + size * wide; row += wide) for (let at = row; at < row + size; at++) many[at]!++;
    }
    image.width = wide;
    image.height = high;
    const dots = ink.createImageData(wide, high), opacity = Uint8Array.from({ length: 64 }, (_, n) => 255 * (1 - (1 - DOT_OPACITY) ** n));
    for (let i = 0; i < many.length; i++) if (many[i]) dots.data[4 * i + 3] = opacity[Math.min(63, many[i]!)]!;
    ink.putImageData(dots, 0, 0);
    ink.globalCompositeOperation = "source-in";
    ink.fillStyle = s.look.fill === "transparent" ? s.look.line : s.look.fill;
    ink.fillRect(0, 0, wide, high);
    return image;
}

/* The last shade of each crowd, by its x: while it, its place and its look stay, it is not made anew. */
const shades = new WeakMap<number[], { y: number[]; at: string; image: HTMLCanvasElement | null }>();

function crowd(pen: CanvasRenderingContext2D, s: Marks, room: Room, scale: number): void {
    const size = Math.round(DOT * scale), n = s.x.length, probes = [0, n >> 1, n - 1].flatMap((i) => [room.x(s.x[i]!), room.y(s.y[i]!)]);
    const at = [n, scale, s.look.fill, s.look.line, room.left, room.top, room.right, room.bottom, ...probes].join(" ");
    let kept = shades.get(s.x);
    if (kept?.y !== s.y || kept.at !== at) shades.set(s.x, (kept = { y: s.y, at, image: shade(s, room, scale, size) }));
    if (kept.image) pen.drawImage(kept.image, room.left - size / 2 / scale, room.top - size / 2 / scale, kept.image.width / scale, kept.image.height / scale);
}

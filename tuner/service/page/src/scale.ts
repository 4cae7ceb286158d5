/* Scales: where a value stands along an axis, and where its ticks are. */
import { amount, clock, clockWithSeconds } from "./words";

export interface Axis {
    name: string;
    kind: "number" | "log" | "time" | "words";
    min?: number; max?: number; /* else as far as there are values */
    words?: string[];
    text?: (v: number) => string;
}

export interface Scale {
    at: (v: number) => number; /* from 0, where the axis begins, to 1 */
    ticks: { at: number; text: string }[];
}

const BRIEF_MS = 600_000, SECOND = 1000, MINUTE = 60_000, HOUR = 3_600_000, DAY = 86_400_000;
const TIMES = [...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND), ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), ...[1, 2, 3, 6, 12].map((n) => n * HOUR), ...[1, 2, 7, 14, 28].map((n) => n * DAY)];

/* 1, 2 and 5 of each power of ten within, or only the powers where these are many. */
export function decades(lo: number, hi: number, most: number): number[] {
    const found: number[] = [];
    for (let power = Math.floor(Math.log10(lo)); power <= Math.log10(hi); power++)
        for (const digit of [1, 2, 5]) {
            const v = Number(`${digit}e${power}`);
            if (v >= lo && v <= hi) found.push(v);
        }
    return found.length > most ? found.filter((v) => Number.isInteger(Math.round(Math.log10(v) * 1e6) / 1e6)) : found;
}

const multiples = (step: number, lo: number, hi: number): number[] => {
    const first = Math.ceil(lo / step - 1e-9);
    return Array.from({ length: Math.floor(hi / step + 1e-9) - first + 1 }, (_, i) => first + i);
};

/* Multiples of 1, 2 or 5 of a power of ten within, as many as there may be. */
export function steps(lo: number, hi: number, most: number): number[] {
    const power = 10 ** Math.floor(Math.log10((hi - lo) / (most + 1))), step = [1, 2, 5, 10, 20].map((k) => k * power).find((s) => multiples(s, lo, hi).length <= most)!;
    return multiples(step, lo, hi).map((k) => Number((k * step).toPrecision(12)));
}

/* Whole seconds, minutes, hours or days of the reader's clock. */
function times(lo: number, hi: number, most: number): number[] {
    const zone = new Date(lo).getTimezoneOffset() * MINUTE, step = TIMES.find((s) => (hi - lo) / s <= most) ?? TIMES[TIMES.length - 1]!;
    return multiples(step, lo - zone, hi - zone).map((k) => k * step + zone);
}

/* A single value, or none, has some room about it. */
function endsOf(a: Axis, values: readonly [number, number], log: boolean): [number, number] {
    const lo = a.min ?? values[0], hi = a.max ?? values[1];
    if (!Number.isFinite(lo) || (log && lo <= 0)) return log ? [1, 10] : [0, 1];
    if (lo < hi) return [lo, hi];
    return log ? [lo / 2, lo * 2] : [lo - (Math.abs(lo) / 10 || 1), lo + (Math.abs(lo) / 10 || 1)];
}

/* `values`: the least and the greatest there are (of a log scale, above 0); `most`: ticks. */
export function scaleOf(a: Axis, values: readonly [number, number], most: number): Scale {
    if (a.kind === "words") {
        const words = a.words ?? [], at = (i: number): number => (i + 0.5) / words.length;
        return { at, ticks: words.map((text, i) => ({ at: at(i), text })) };
    }
    const log = a.kind === "log", f = log ? Math.log10 : (v: number): number => v, [lo, hi] = endsOf(a, values, log), first = f(lo), span = f(hi) - first, at = (v: number): number => (f(v) - first) / span;
    const text = a.text ?? (a.kind !== "time" ? amount : hi - lo < BRIEF_MS ? clockWithSeconds : (v: number) => clock(v));
    const powers = log ? decades(lo, hi, most) : [], ticks = a.kind === "time" ? times(lo, hi, most) : powers.length > 1 ? powers : steps(lo, hi, most);
    return { at, ticks: ticks.map((v) => ({ at: at(v), text: text(v) })) };
}

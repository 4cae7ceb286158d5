/* The only file that knows Apache ECharts: option objects in, a drawing out. No tooltip, legend or toolbox of its own:
 * they would break the page's Content-Security-Policy, and ours serve finger and keyboard as well. */
import { CustomChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, MarkLineComponent } from "echarts/components";
import { init, use, type ECharts } from "echarts/core";
import type { CustomSeriesOption, LineSeriesOption, ScatterSeriesOption } from "echarts/charts";
import { CanvasRenderer } from "echarts/renderers";
import { amount, clock, clockWithSeconds } from "./words";
import type { Colours } from "./theme";
import type { State } from "./words";

use([ScatterChart, LineChart, CustomChart, GridComponent, MarkLineComponent, CanvasRenderer]);

export type Series = ScatterSeriesOption | LineSeriesOption | CustomSeriesOption;

export interface Axis {
    name: string;
    kind: "number" | "log" | "time" | "words";
    min?: number; max?: number;
    words?: string[];
    text?: (v: number) => string;
}

const LARGE = 3000, BRIEF_MS = 600_000;
const CROSS = "path://M0,1 L1,0 L5,4 L9,0 L10,1 L6,5 L10,9 L9,10 L5,6 L1,10 L0,9 L4,5 Z";
const STAR = "path://M5,0 L6.5,3.4 L10,3.8 L7.3,6.2 L8.1,10 L5,8 L1.9,10 L2.7,6.2 L0,3.8 L3.5,3.4 Z";

/* Shape and colour of a state: never by colour alone. */
export function markOf(state: State | "lost" | "winner" | "reference" | "baseline", c: Colours): { symbol: string; size: number; fill: string; line: string } {
    switch (state) {
        case "complete": return { symbol: "circle", size: 7, fill: c.complete, line: c.page };
        case "pruned": return { symbol: "path://M0,0 L10,0 L5,9 Z", size: 7, fill: "transparent", line: c.pruned };
        case "failed": return { symbol: CROSS, size: 8, fill: c.failed, line: "transparent" };
        case "infeasible": return { symbol: "diamond", size: 9, fill: c.page, line: c.infeasible };
        case "running": case "leased": return { symbol: "path://M5,0 A5,5 0 0 1 5,10 Z M5,0 A5,5 0 0 0 5,10", size: 9, fill: c.running, line: c.running };
        case "winner": return { symbol: STAR, size: 17, fill: c.ink, line: c.page };
        case "baseline": return { symbol: "rect", size: 9, fill: c.ink, line: c.page };
        case "reference": return { symbol: "rect", size: 9, fill: c.page, line: c.ink };
        case "queued": case "cancelled": case "lost": return { symbol: "circle", size: 7, fill: "transparent", line: c.quiet };
    }
}

export function marks(name: string, state: Parameters<typeof markOf>[0], points: [number, number][], c: Colours): ScatterSeriesOption {
    const m = markOf(state, c), large = points.length > LARGE;
    return {
        type: "scatter", name, symbol: large ? "circle" : m.symbol, symbolSize: large ? 3 : m.size, large, largeThreshold: LARGE, progressive: 0, silent: true, animation: false,
        data: points, z: state === "winner" ? 9 : state === "reference" || state === "baseline" ? 8 : state === "pruned" ? 2 : 4,
        itemStyle: { color: large && m.fill === "transparent" ? m.line : m.fill, borderColor: m.line, borderWidth: large ? 0 : m.fill === "transparent" || state === "reference" || state === "infeasible" ? 1.5 : 1, opacity: large ? 0.35 : 1 },
    };
}

export function line(name: string, points: [number, number][], colour: string, more: Partial<LineSeriesOption> = {}): LineSeriesOption {
    return { type: "line", name, data: points, showSymbol: false, silent: true, animation: false, lineStyle: { color: colour, width: 1.5 }, itemStyle: { color: colour }, ...more };
}

/* An area between two curves, for intervals. */
export function band(points: [number, number, number][], colour: string, opacity: number): CustomSeriesOption {
    return {
        type: "custom", silent: true, animation: false, z: 1, clip: true, data: [0],
        renderItem: (_params, at) => {
            const up = points.map(([x, , hi]) => at.coord([x, hi])), down = points.map(([x, lo]) => at.coord([x, lo])).reverse();
            return { type: "polygon", shape: { points: [...up, ...down] as [number, number][] }, style: { fill: colour, opacity } };
        },
    };
}

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

/* What the series have on this axis, for one that was given no ends. */
function extentOf(series: Series[], across: boolean): [number, number] {
    let lo = Infinity, hi = -Infinity;
    for (const s of series)
        for (const d of Array.isArray(s.data) ? s.data : []) {
            const v = Array.isArray(d) ? Number(d[across ? 0 : 1]) : NaN;
            if (v > 0) (lo = Math.min(lo, v)), (hi = Math.max(hi, v));
        }
    return [lo, hi];
}

function axis(a: Axis, series: Series[], c: Colours, across: boolean, narrow: boolean): object {
    const [lo, hi] = a.kind === "log" ? extentOf(series, across) : [0, 0];
    const ticks = a.kind === "log" && lo <= hi ? decades(a.min ?? lo, a.max ?? hi, narrow ? 5 : 7) : undefined;
    const text = a.text ?? amount;
    const [began, ended] = a.kind === "time" ? extentOf(series, across) : [0, 0], time = ended - began < BRIEF_MS ? clockWithSeconds : clock;
    return {
        type: a.kind === "number" ? "value" : a.kind === "log" ? "log" : a.kind === "time" ? "time" : "category",
        ...(a.kind === "words" ? { data: a.words, inverse: !across } : { min: a.min ?? "dataMin", max: a.max ?? "dataMax" }),
        scale: true, splitNumber: across ? (narrow ? 3 : 5) : 4, name: a.name, nameLocation: "end", nameGap: across ? 4 : 8,
        nameTextStyle: { color: c.quiet, fontSize: 12, ...(across ? { align: "right", verticalAlign: "top", padding: [22, 0, 0, 0] } : { align: "left" }) },
        axisLine: { show: across, onZero: false, lineStyle: { color: c.rule } }, axisTick: { show: false }, minorTick: { show: false },
        splitLine: { show: !across && a.kind !== "words", lineStyle: { color: c.rule, opacity: 0.6 } },
        axisLabel: {
            color: c.quiet, fontSize: 12, hideOverlap: true, showMinLabel: a.kind === "number" ? false : undefined, showMaxLabel: a.kind === "number" ? false : undefined, customValues: ticks, fontFamily: "system-ui, sans-serif",
            formatter: a.kind === "words" ? undefined : a.kind === "time" ? (v: number) => time(v) : text,
        },
    };
}

export interface Picture { x: Axis; y: Axis; series: Series[]; left?: number }

/* A drawing on an element; the caller disposes of it. */
export class Chart {
    private readonly on: ECharts;
    private picture: Picture | null = null;

    constructor(private readonly element: HTMLElement) {
        this.on = init(element, null, { renderer: "canvas" });
    }

    draw(p: Picture, c: Colours): void {
        this.picture = p;
        const narrow = this.element.clientWidth < 480;
        this.on.setOption(
            {
                animation: false, backgroundColor: "transparent", textStyle: { fontFamily: "system-ui, sans-serif" },
                grid: { left: p.left ?? 8, right: 16, top: 26, bottom: 20, containLabel: true },
                xAxis: axis(p.x, p.series, c, true, narrow) as never, yAxis: axis(p.y, p.series, c, false, narrow) as never, series: p.series as never,
            },
            { replaceMerge: ["series"], lazyUpdate: false },
        );
    }

    resize(c: Colours): void {
        this.on.resize();
        if (this.picture) this.draw(this.picture, c);
    }

    /* Where a point is drawn, in pixels of the element, as a function: two linear maps, so that 50,000 are nothing. */
    placing(): ((x: number, y: number) => [number, number]) | null {
        if (!this.picture) return null;
        const f = (a: Axis) => (v: number) => (a.kind === "log" ? Math.log10(v) : v);
        const maps = [this.picture.x, this.picture.y].map((a, i) => {
            const [lo, hi] = a.kind === "log" ? [1, 10] : [0, 1], finder = i ? "yAxis" : "xAxis";
            const p = this.on.convertToPixel({ [`${finder}Index`]: 0 }, lo) as unknown as number, q = this.on.convertToPixel({ [`${finder}Index`]: 0 }, hi) as unknown as number;
            const g = f(a), scale = (q - p) / (g(hi) - g(lo));
            return (v: number) => p + (g(v) - g(lo)) * scale;
        });
        return (x, y) => [maps[0]!(x), maps[1]!(y)];
    }

    /* As a picture for a paper or a chat. */
    image(backgroundColor: string): string {
        return this.on.getDataURL({ type: "png", pixelRatio: 2, backgroundColor });
    }

    dispose(): void {
        this.on.dispose();
    }
}

/* Parallel coordinates: a line a trial through all parameters and metrics. Ranges are chosen on the axes, with mouse,
 * finger or the two sliders of each; many lines are a density, with those that are chosen on top. */
import { useEffect, useRef, useState } from "preact/hooks";
import { keep, type Trials } from "./columns";
import { choice, choose, toStudy } from "./route";
import type { StudyView } from "./study";
import { colours } from "./theme";
import { useWidth } from "./width";
import { amount, percent, plural, shown } from "./words";

const HEIGHT = 320, TOP = 36, BOTTOM = 22, SIDE = 40, LEAST_AXIS = 96, LINES_MAX = 3000, FEW = 200, ON_TOP_MAX = 300, STEPS = 1000;

interface Axis { name: string; kind: "parameter" | "metric"; at: Float32Array; ends: [string, string]; values?: string[]; valueAt: (f: number) => number }

/* Where each trial crosses the axis, from 0 (bottom) to 1; NaN: it has no value. */
function axisOf(name: string, kind: "parameter" | "metric", column: unknown[], n: number, log: boolean, values?: string[]): Axis {
    const at = new Float32Array(n);
    if (values) {
        for (let i = 0; i < n; i++) { const k = values.indexOf(shown(column[i])); at[i] = k < 0 ? NaN : values.length > 1 ? k / (values.length - 1) : 0.5; }
        return { name, kind, at, ends: [values[0] ?? "", values[values.length - 1] ?? ""], values, valueAt: (f) => f };
    }
    const f = log ? Math.log : (x: number): number => x, g = log ? Math.exp : f;
    let lo = Infinity, hi = -Infinity;
    for (let i = 0; i < n; i++) { const x = column[i]; if (typeof x === "number" && Number.isFinite(x) && (!log || x > 0)) (lo = Math.min(lo, x)), (hi = Math.max(hi, x)); }
    const a = f(lo), b = f(hi) - f(lo) || 1;
    for (let i = 0; i < n; i++) { const x = column[i]; at[i] = typeof x === "number" && (!log || x > 0) ? (f(x) - a) / b : NaN; }
    return { name, kind, at, ends: [amount(lo), amount(hi)], valueAt: (q) => g(a + q * b) };
}

function axesOf(v: StudyView, t: Trials): Axis[] {
    const parameters = v.parameters.value.map((p) => axisOf(p.name, "parameter", t.params.get(p.name) ?? [], t.n, p.scale === "log", p.values ? p.values.map(shown) : p.type === "bool" ? ["false", "true"] : undefined));
    const metrics = v.metrics.value.map((m) => { const c = t.metrics.get(m.name) ?? []; return axisOf(m.name, "metric", c, t.n, m.kind === "count" && c.some((x) => x > 0)); });
    return [...parameters, ...metrics].slice(0, 16);
}

type Ranges = Record<string, [number, number]>;

export function Parallel({ v }: { v: StudyView }) {
    const t = v.trials.value, axes = keep(t, `axes ${v.parameters.value.length} ${v.metrics.value.length}`, () => axesOf(v, t)), canvas = useRef<HTMLCanvasElement>(null), [room, width] = useWidth<HTMLDivElement>(0);
    const [ranges, setRanges] = useState<Ranges>({}), [sliders, setSliders] = useState(false), c = colours.value, drag = useRef<{ axis: number; from: number } | null>(null);
    const wide = Math.max(width, axes.length * LEAST_AXIS), x = (k: number): number => SIDE + (axes.length > 1 ? (k * (wide - 2 * SIDE)) / (axes.length - 1) : 0), y = (f: number): number => TOP + (1 - f) * (HEIGHT - TOP - BOTTOM);
    const rows = keep(t, "rows of lines", () => Array.from({ length: t.n }, (_, r) => r).filter((r) => (t.state[r] === "complete" || t.state[r] === "pruned") && t.role[r] !== "confirm"));
    const brushed = Object.entries(ranges).map(([name, r]) => ({ axis: axes.find((a) => a.name === name), r })).filter((b) => b.axis), kept = brushed.length ? rows.filter((row) => brushed.every(({ axis, r }) => axis!.at[row]! >= r[0] && axis!.at[row]! <= r[1])) : rows;
    const chosen = t.row.get(Number(choice("t") || NaN)), best = t.row.get(v.study.value?.best?.trial ?? -1);

    useEffect(() => {
        const el = canvas.current;
        if (!el || !width) return;
        const pen = el.getContext("2d")!, scale = devicePixelRatio || 1;
        el.width = wide * scale;
        el.height = HEIGHT * scale;
        el.style.width = `${wide}px`;
        el.style.height = `${HEIGHT}px`;
        pen.scale(scale, scale);
        pen.lineJoin = "round";
        const trace = (row: number): void => {
            let pending = true;
            axes.forEach((a, k) => {
                const f = a.at[row]!;
                if (Number.isNaN(f)) pending = true;
                else if (pending) (pen.moveTo(x(k), y(f)), (pending = false));
                else pen.lineTo(x(k), y(f));
            });
        };
        const draw = (some: number[], colour: string, opacity: number, thick: number): void => {
            pen.strokeStyle = colour;
            pen.globalAlpha = opacity;
            pen.lineWidth = thick;
            for (let i = 0; i < some.length; i += 64) {
                pen.beginPath();
                for (const row of some.slice(i, i + 64)) trace(row);
                pen.stroke();
            }
            pen.globalAlpha = 1;
        };
        const sample = (some: number[], most: number): number[] => (some.length <= most ? some : Array.from({ length: most }, (_, i) => some[Math.floor((i * some.length) / most)]!));
        const crowd = Math.max(0.02, Math.min(0.9, 40 / Math.sqrt(rows.length) / 10));
        const thin = rows.length > FEW ? 1 / scale : 1.25; /* a line of one pixel is drawn twenty times as fast as a wider one */
        if (brushed.length) draw(sample(rows, LINES_MAX), c.rule, Math.min(0.6, crowd), thin);
        const on = sample(kept, brushed.length ? Math.max(ON_TOP_MAX, LINES_MAX / 3) : LINES_MAX);
        draw(on.filter((r) => t.state[r] === "pruned"), c.pruned, Math.min(0.5, crowd * 1.5), thin);
        draw(on.filter((r) => t.state[r] === "complete"), c.complete, Math.min(0.9, crowd * 2.5), thin);
        if (best !== undefined) draw([best], c.ink, 1, 2.5);
        if (chosen !== undefined && chosen !== best) draw([chosen], c.link, 1, 2.5);
        pen.font = "12px system-ui, sans-serif";
        pen.textAlign = "center";
        axes.forEach((a, k) => {
            pen.strokeStyle = c.quiet;
            pen.lineWidth = 1;
            pen.beginPath();
            pen.moveTo(x(k), y(0));
            pen.lineTo(x(k), y(1));
            pen.stroke();
            pen.fillStyle = c.ink;
            pen.fillText(a.name.length > 14 ? a.name.slice(0, 13) + "…" : a.name, x(k), 12);
            pen.fillStyle = c.quiet;
            pen.fillText(a.ends[1], x(k), TOP - 6);
            pen.fillText(a.ends[0], x(k), HEIGHT - 6);
            const r = ranges[a.name];
            if (!r) return;
            pen.fillStyle = c.link;
            pen.globalAlpha = 0.25;
            pen.fillRect(x(k) - 8, y(r[1]), 16, Math.max(2, y(r[0]) - y(r[1])));
            pen.globalAlpha = 1;
        });
    });

    const setRange = (name: string, r: [number, number] | null): void => setRanges((now) => {
        const next = { ...now };
        if (!r || (r[0] <= 0 && r[1] >= 1)) delete next[name];
        else next[name] = r;
        return next;
    });
    const place = (e: PointerEvent): { axis: number; f: number } => {
        const box = canvas.current!.getBoundingClientRect(), px = e.clientX - box.left, f = 1 - (e.clientY - box.top - TOP) / (HEIGHT - TOP - BOTTOM), step = axes.length > 1 ? (wide - 2 * SIDE) / (axes.length - 1) : 1;
        return { axis: Math.max(0, Math.min(axes.length - 1, Math.round((px - SIDE) / step))), f: Math.max(0, Math.min(1, f)) };
    };
    const stretch = (e: PointerEvent): void => {
        if (!drag.current) return;
        const to = place(e).f, { axis, from } = drag.current;
        setRange(axes[axis]!.name, Math.abs(to - from) < 0.02 ? null : [Math.min(from, to), Math.max(from, to)]);
    };
    /* the same choice as a filter of the table */
    const filter = brushed.map(({ axis, r }) => (axis!.values ? "" : `${axis!.name}:${Number(axis!.valueAt(r[0]).toPrecision(4))}..${Number(axis!.valueAt(r[1]).toPrecision(4))}`)).filter(Boolean).join(" ");
    if (rows.length < 2) return null;
    return (
        <figure class="chart" data-figure="parallel">
            <h3>{brushed.length ? `${plural(kept.length, "trial")} of ${amount(rows.length)} (${percent(kept.length / rows.length)}) lie in the ranges that are chosen` : `${plural(rows.length, "trial")} through all settings and metrics`}</h3>
            <p class="row"><button class="plain" aria-expanded={sliders} onClick={() => setSliders(!sliders)}>choose ranges by sliders</button>{brushed.length > 0 && <><button class="plain" onClick={() => setRanges({})}>all again</button>{filter && <a href={`${toStudy(v.name, "trials")}?f=${encodeURIComponent(filter)}`}>show them as a list</a>}</>}</p>
            <div class="parallel" ref={room} tabIndex={0} role="region" aria-label="Parallel coordinates">
                <canvas ref={canvas} role="img" data-points={rows.length} aria-label={`A line for each of ${rows.length} trials through ${axes.map((a) => a.name).join(", ")}`}
                    onPointerDown={(e) => { const p = place(e); drag.current = { axis: p.axis, from: p.f }; if (e.pointerType !== "touch") e.currentTarget.setPointerCapture(e.pointerId); }} onPointerMove={stretch} onPointerUp={(e) => { stretch(e); drag.current = null; }} onPointerCancel={() => (drag.current = null)} />
            </div>
            {sliders && <div class="enqueue">{axes.map((a) => { const r = ranges[a.name] ?? [0, 1]; return (
                <div key={a.name}><span class="mono">{a.name}</span>
                    {[0, 1].map((end) => <input key={end} type="range" min="0" max={STEPS} value={Math.round(r[end as 0 | 1] * STEPS)} aria-label={`${a.name}: ${end ? "up to" : "from"}`} onInput={(e) => { const q = Number(e.currentTarget.value) / STEPS; setRange(a.name, end ? [Math.min(r[0], q), q] : [q, Math.max(r[1], q)]); }} />)}</div>); })}</div>}
            <figcaption>Drag along an axis to choose a range; a click there takes it away. Blue: complete; grey: stopped early; thick: the best{chosen !== undefined && chosen !== best ? <>; thick blue: <button class="plain" onClick={() => choose({ t: "" })}>trial {t.number[chosen]}</button></> : ""}.{rows.length > LINES_MAX && ` ${amount(LINES_MAX)} of ${amount(rows.length)} are drawn, evenly.`}</figcaption>
        </figure>
    );
}

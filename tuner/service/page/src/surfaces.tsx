/* What the model believes: slices (mean and interval along one parameter, all else as the winner has it) and a contour
 * over two, with how sure it is; the trials on top. */
import { contours } from "d3-contour";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, type Contour, type Metric, type Parameter, type Slice, type Value } from "./api";
import { keep, type Trials } from "./columns";
import { Figure } from "./figure";
import { Choice } from "./history_chart";
import { decades, steps } from "./scale";
import { band, line, marks, noPoints, only, put, type Points } from "./series";
import type { StudyView } from "./study";
import { colours } from "./theme";
import { useWidth } from "./width";
import { amount } from "./words";

const SLICES_MAX = 12, LEFT = 56, TOP = 24, BOTTOM = 40, LEVELS = 8, DOTS_MAX = 1000, NARROW = 420;

const isNumber = (p: Parameter): boolean => p.type === "int" || p.type === "float";

export function Surfaces({ v }: { v: StudyView }) {
    const metrics = v.metrics.value, parameters = v.parameters.value, [name, setName] = useState("");
    const metric = metrics.find((m) => m.name === name) ?? metrics.find((m) => v.space.value?.objective?.weights?.[m.name]) ?? metrics[0], numeric = parameters.filter(isNumber);
    if (!metric || v.trials.value.n < 2) return null;
    return (
        <section data-part="surfaces">
            <h2>What each setting does</h2>
            <Choice label="of" value={metric.name} of={metrics.map((m) => m.name)} onChange={setName} />
            <div class="surfaces">{parameters.slice(0, SLICES_MAX).map((p) => <SliceChart key={p.name + metric.name} v={v} p={p} m={metric} />)}</div>
            {numeric.length >= 2 && <Contours v={v} numeric={numeric} m={metric} />}
        </section>
    );
}

interface Dots { points: Points; low: number; high: number; above: boolean } /* low, high: of y; above: all of it is above 0 */

/* Complete trials, with this parameter's value as a number: of words the place in their list. */
function dotsOf(t: Trials, at: (x: unknown) => number, column: unknown[], y: number[]): Dots {
    const points = noPoints();
    let low = Infinity, high = -Infinity;
    for (let row = 0; row < t.n; row++) {
        const x = column[row] === undefined ? NaN : at(column[row]), q = y[row]!;
        if (t.state[row] !== "complete" || t.role[row] === "confirm" || !Number.isFinite(q) || !Number.isFinite(x)) continue;
        put(points, x, q, t.number[row]!);
        low = Math.min(low, q);
        high = Math.max(high, q);
    }
    return { points, low, high, above: low > 0 };
}

function SliceChart({ v, p, m }: { v: StudyView; p: Parameter; m: Metric }) {
    const [s, setSlice] = useState<Slice | null>(null), t = v.trials.value, complete = v.study.value!.states.complete;
    useEffect(() => {
        let late = false;
        api.slice(v.name, p.name, m.name).then((x) => { if (!late) setSlice(x); }).catch(() => undefined);
        return () => void (late = true);
    }, [v, p.name, m.name, Math.floor(complete / 10)]);
    const words = !isNumber(p), values = (p.values ?? [true, false]).map((x) => (typeof x === "string" ? x : JSON.stringify(x))), place = new Map(values.map((x, i) => [x, i])), at = (x: unknown): number => (words ? (place.get(typeof x === "string" ? x : JSON.stringify(x)) ?? NaN) : Number(x));
    const log = p.scale === "log", dots = keep(t, `slice ${p.name} ${m.name}`, () => dotsOf(t, at, t.params.get(p.name) ?? [], t.metrics.get(m.name) ?? [])), { points } = dots;
    if (!points.x.length && !s) return null;
    const curve = (s?.x ?? []).map((x, i): [number, number, number, number] => [at(x), s!.mean[i] ?? NaN, s!.low[i] ?? NaN, s!.high[i] ?? NaN]).filter((c) => c.every(Number.isFinite)), best = only(points, v.study.value?.best?.trial), logY = m.kind === "count" && dots.above && curve.every((c) => c[1] > 0 && c[2] > 0);
    const lo = Math.min(dots.low, ...curve.map((c) => c[2])), hi = Math.max(dots.high, ...curve.map((c) => c[3])), room = logY ? 0 : (hi - lo) * 0.06 || Math.abs(hi) * 0.06 || 1;
    return (
        <Figure name={`slice-${p.name}`} view={v} points={points} label={`${m.name} by ${p.name}`} title={<span class="mono">{p.name}</span>} caption={s ? <>Line: what the model expects, all else as in trial {s.at}; band: 90 %. Dots: trials, which differ in the rest, too.{log ? ` ${p.name} is logarithmic.` : ""}</> : <>Dots: complete trials, which differ in the rest, too.{log ? ` ${p.name} is logarithmic.` : ""}</>}
            picture={(c) => ({
                x: words ? { name: "", kind: "words", words: values } : { name: p.name, kind: log ? "log" : "number" }, y: { name: m.name, kind: logY ? "log" : "number", min: lo - room, max: hi + room },
                series: [band(curve.map(([x, , lo, hi]) => [x, lo, hi]), c.link, 0.18), line(curve.map(([x, mean]) => [x, mean]), c.link, { z: 3 }), marks("complete", points, c), ...(best ? [marks("winner", best, c)] : [])],
            })}
            numbers={() => (s ? { head: [p.name, "mean", "low", "high"], rows: curve.map(([x, mean, lo, hi]) => [words ? values[x]! : x, mean, lo, hi]) } : { head: ["trial", p.name, m.name], rows: points.trial.map((n, i) => [n, words ? values[points.x[i]!]! : points.x[i]!, points.y[i]!]) })} />
    );
}

/* viridis, five stops */
const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
function viridis(f: number): string {
    const x = Math.max(0, Math.min(0.9999, f)) * 4, i = Math.floor(x), a = VIRIDIS[i]!, b = VIRIDIS[i + 1]!;
    return `rgb(${a.map((q, k) => Math.round(q + (b[k]! - q) * (x - i))).join(" ")})`;
}

function Contours({ v, numeric, m }: { v: StudyView; numeric: Parameter[]; m: Metric }) {
    const [xName, setX] = useState(numeric[0]!.name), [yName, setY] = useState(numeric[1]!.name), [c, setContour] = useState<Contour | null>(null), complete = v.study.value!.states.complete;
    const x = numeric.find((p) => p.name === xName) ?? numeric[0]!, y = numeric.find((p) => p.name === yName && p !== x) ?? numeric.find((p) => p !== x)!;
    useEffect(() => {
        let late = false;
        api.contour(v.name, x.name, y.name, m.name).then((r) => { if (!late) setContour(r); }).catch(() => undefined);
        return () => { late = true; setContour(null); };
    }, [v, x.name, y.name, m.name, Math.floor(complete / 10)]);
    if (!c || !c.mean.flat().some((q) => q !== null)) return null;
    const axes = <span class="row"><Choice label="across" value={x.name} of={numeric.map((p) => p.name)} onChange={setX} /><Choice label="up" value={y.name} of={numeric.filter((p) => p !== x).map((p) => p.name)} onChange={setY} /></span>;
    return (
        <div class="charts">
            <ContourChart v={v} c={c} x={x} y={y} name="contour" grid={c.mean} colour={viridis} title={`${m.name} over ${x.name} and ${y.name}`} caption={`Mean of the model, all else as in trial ${c.at}. Dots: complete trials; ★ the best.`}>{axes}</ContourChart>
            <ContourChart v={v} c={c} x={x} y={y} name="contour-sd" grid={c.sd} colour={grey} title={`How unsure the model is of ${m.name} there`} caption="Standard deviation of the model's belief; the stronger, the less sure. Far from the dots it guesses." />
        </div>
    );
}

/* grey to ink, for uncertainty */
const grey = (f: number): string => `color-mix(in srgb, ${colours.value.ink} ${Math.round(8 + 62 * f)}%, ${colours.value.page})`;

interface Contoured { v: StudyView; c: Contour; x: Parameter; y: Parameter; name: string; grid: (number | null)[][]; colour: (f: number) => string; title: string; caption: string; children?: ComponentChildren }

/* On the parameter's scale. */
const ticksOf = (p: Parameter, lo: number, hi: number, most: number): number[] => (p.scale === "log" ? decades : steps)(lo, hi, most);

function ContourChart({ v, c, x, y, name, grid, colour, title, caption, children }: Contoured) {
    const ink = colours.value, nx = c.x.length, ny = c.y.length, known = grid.flat().filter((q): q is number => q !== null), least = Math.min(...known), most = Math.max(...known);
    const f = (p: Parameter) => (q: number): number => (p.scale === "log" ? Math.log(q) : q), fx = f(x), fy = f(y), ends = (all: Value[]): [number, number] => [Number(all[0]), Number(all[all.length - 1])], [x0, x1] = ends(c.x), [y0, y1] = ends(c.y);
    const [room, width] = useWidth<HTMLDivElement>(480), height = Math.min(width * 0.66, 460), right = width - 8, low = height - BOTTOM, keys = width < NARROW ? [0, 4, 7] : [0, 2, 4, 6, 7], key = (width - LEFT) / keys.length, px = (q: number): number => LEFT + ((fx(q) - fx(x0)) / (fx(x1) - fx(x0))) * (right - LEFT), py = (q: number): number => low - ((fy(q) - fy(y0)) / (fy(y1) - fy(y0))) * (low - TOP);
    const levels = Array.from({ length: LEVELS }, (_, i) => least + ((most - least) * i) / LEVELS), sx = (right - LEFT) / nx, sy = (low - TOP) / ny;
    const path = (rings: number[][][][]): string => rings.map((polygon) => polygon.map((ring) => "M" + ring.map(([a, b]) => `${(LEFT + a! * sx).toFixed(1)},${(low - b! * sy).toFixed(1)}`).join("L") + "Z").join("")).join("");
    const shapes = contours().size([nx, ny]).thresholds(levels.slice(1))(grid.flat().map((q) => q ?? -Infinity));
    const t = v.trials.value, dots: [number, number, number][] = [], cx = t.params.get(x.name) ?? [], cy = t.params.get(y.name) ?? [], best = v.study.value?.best?.params, bx = best?.[x.name], by = best?.[y.name];
    for (let row = 0; row < t.n && dots.length < DOTS_MAX; row++) if (t.state[row] === "complete" && t.role[row] !== "confirm" && typeof cx[row] === "number" && typeof cy[row] === "number") dots.push([px(cx[row] as number), py(cy[row] as number), t.number[row]!]);
    const named = (p: Parameter): string => p.name + (p.scale === "log" ? " (log)" : "");
    return (
        <figure class="chart" data-figure={name}>
            <h3>{title}</h3>
            {children && <div class="controls">{children}</div>}
            <div class="drawing contour" ref={room}><svg viewBox={`0 0 ${width} ${height + 28}`} width={width} height={height + 28} role="img" data-points={shapes.length} aria-label={`${title}: from ${amount(least)} to ${amount(most)}`}>
                <rect x={LEFT} y={TOP} width={right - LEFT} height={low - TOP} fill={colour(0)} />
                {shapes.map((s, i) => <path key={i} d={path(s.coordinates)} fill={colour((i + 1) / (LEVELS - 1))} />)}
                {dots.map(([a, b, n]) => <circle key={n} cx={a} cy={b} r="2.5" class="dot" />)}
                {typeof bx === "number" && typeof by === "number" && <path transform={`translate(${px(bx) - 7} ${py(by) - 7}) scale(1.4)`} d="M5,0 L6.5,3.4 L10,3.8 L7.3,6.2 L8.1,10 L5,8 L1.9,10 L2.7,6.2 L0,3.8 L3.5,3.4 Z" fill={ink.ink} stroke={ink.page} />}
                {ticksOf(x, x0, x1, width < NARROW ? 4 : 6).map((q) => <text key={q} x={px(q)} y={low + 16} text-anchor="middle">{amount(q)}</text>)}
                {ticksOf(y, y0, y1, 5).map((q) => <text key={q} x={LEFT - 6} y={py(q) + 4} text-anchor="end">{amount(q)}</text>)}
                <text x={LEFT} y={TOP - 8}>{named(y)}</text><text x={right} y={low + 32} text-anchor="end">{named(x)}</text>
                {keys.map((i, k) => <g key={i}><rect x={LEFT + k * key} y={height + 8} width="12" height="12" fill={colour(i / (LEVELS - 1))} /><text x={LEFT + k * key + 16} y={height + 18}>{amount(Number(levels[i]!.toPrecision(3)))}</text></g>)}
            </svg></div>
            <figcaption>{caption}</figcaption>
        </figure>
    );
}

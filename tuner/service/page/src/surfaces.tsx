/* What the model believes: slices (mean and interval along one parameter, all else as the winner has it) and a contour
 * over two, with how sure it is; the trials on top. */
import { contours } from "d3-contour";
import { useEffect, useState } from "preact/hooks";
import { api, type Contour, type Metric, type Parameter, type Slice, type Value } from "./api";
import { band, line, marks } from "./chart";
import { Figure, type Point } from "./figure";
import { Choice } from "./history_chart";
import type { StudyView } from "./study";
import { colours } from "./theme";
import { amount } from "./words";

const SLICES_MAX = 6, WIDTH = 480, HEIGHT = 320, LEFT = 56, BOTTOM = 40, LEVELS = 8;

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
            {numeric.length >= 2 && <ContourChart v={v} numeric={numeric} m={metric} />}
        </section>
    );
}

function SliceChart({ v, p, m }: { v: StudyView; p: Parameter; m: Metric }) {
    const [s, setSlice] = useState<Slice | null>(null), t = v.trials.value, complete = v.study.value!.states.complete;
    useEffect(() => {
        let late = false;
        api.slice(v.name, p.name, m.name).then((x) => { if (!late) setSlice(x); }).catch(() => undefined);
        return () => void (late = true);
    }, [v, p.name, m.name, Math.floor(complete / 10)]);
    const words = !isNumber(p), values = (p.values ?? [true, false]).map((x) => (typeof x === "string" ? x : JSON.stringify(x))), at = (x: unknown): number => (words ? values.indexOf(typeof x === "string" ? x : JSON.stringify(x)) : Number(x));
    const log = p.scale === "log", points: Point[] = [];
    const column = t.params.get(p.name) ?? [], y = t.metrics.get(m.name) ?? [];
    for (let row = 0; row < t.n; row++) if (t.state[row] === "complete" && t.role[row] !== "confirm" && Number.isFinite(y[row]) && column[row] !== undefined && at(column[row]) >= 0) points.push({ x: at(column[row]), y: y[row]!, trial: t.number[row]! });
    if (!points.length && !s) return null;
    const curve = (s?.x ?? []).map((x, i): [number, number, number, number] => [at(x), s!.mean[i] ?? NaN, s!.low[i] ?? NaN, s!.high[i] ?? NaN]).filter((c) => c.every(Number.isFinite)), best = points.find((q) => q.trial === v.study.value?.best?.trial), logY = m.kind === "count" && points.every((q) => q.y > 0) && curve.every((c) => c[1] > 0 && c[2] > 0);
    const seen = [...points.map((q) => q.y), ...curve.flatMap((c) => [c[2], c[3]])], lo = Math.min(...seen), hi = Math.max(...seen), room = logY ? 0 : (hi - lo) * 0.06 || Math.abs(hi) * 0.06 || 1;
    return (
        <Figure name={`slice-${p.name}`} view={v} points={points} label={`${m.name} by ${p.name}`} title={<span class="mono">{p.name}</span>} caption={s ? <>Line: what the model expects, all else as in trial {s.at}; band: 90 %. Dots: trials, which differ in the rest, too.{log ? " log." : ""}</> : <>Dots: complete trials, which differ in the rest, too.{log ? " log." : ""}</>}
            picture={(c) => ({
                x: words ? { name: "", kind: "words", words: values } : { name: p.name, kind: log ? "log" : "number" }, y: { name: m.name, kind: logY ? "log" : "number", min: lo - room, max: hi + room },
                series: [...(curve.length ? [band(curve.map(([x, , lo, hi]) => [x, lo, hi]), c.link, 0.18), line("mean", curve.map(([x, mean]) => [x, mean]), c.link, { z: 3 })] : []), marks("trials", "complete", points.map((q) => [q.x, q.y]), c), ...(best ? [marks("winner", "winner", [[best.x, best.y]], c)] : [])],
            })}
            numbers={() => (s ? { head: [p.name, "mean", "low", "high"], rows: curve.map(([x, mean, lo, hi]) => [words ? values[x]! : x, mean, lo, hi]) } : { head: ["trial", p.name, m.name], rows: points.map((q) => [q.trial, words ? values[q.x]! : q.x, q.y]) })} />
    );
}

/* viridis, five stops */
const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
function viridis(f: number): string {
    const x = Math.max(0, Math.min(0.9999, f)) * 4, i = Math.floor(x), a = VIRIDIS[i]!, b = VIRIDIS[i + 1]!;
    return `rgb(${a.map((q, k) => Math.round(q + (b[k]! - q) * (x - i))).join(" ")})`;
}

function ContourChart({ v, numeric, m }: { v: StudyView; numeric: Parameter[]; m: Metric }) {
    const [xName, setX] = useState(numeric[0]!.name), [yName, setY] = useState(numeric[1]!.name), [unsure, setUnsure] = useState(false), [c, setContour] = useState<Contour | null>(null), ink = colours.value;
    const x = numeric.find((p) => p.name === xName) ?? numeric[0]!, y = numeric.find((p) => p.name === yName && p !== x) ?? numeric.find((p) => p !== x)!;
    useEffect(() => {
        let late = false;
        setContour(null);
        api.contour(v.name, x.name, y.name, m.name).then((r) => { if (!late) setContour(r); }).catch(() => undefined);
        return () => void (late = true);
    }, [v, x.name, y.name, m.name]);
    if (!c) return null;
    const grid = unsure ? c.sd : c.mean, nx = c.x.length, ny = c.y.length, known = grid.flat().filter((q): q is number => q !== null), least = Math.min(...known), most = Math.max(...known), flat = grid.flat().map((q) => q ?? -Infinity);
    if (!known.length) return null;
    const f = (p: Parameter) => (q: number): number => (p.scale === "log" ? Math.log(q) : q), fx = f(x), fy = f(y);
    const bounds = (p: Parameter, all: Value[]): [number, number] => [f(p)(Number(all[0])), f(p)(Number(all[all.length - 1]))], [x0, x1] = bounds(x, c.x), [y0, y1] = bounds(y, c.y);
    const px = (q: number): number => LEFT + ((fx(q) - x0) / (x1 - x0)) * (WIDTH - LEFT - 8), py = (q: number): number => HEIGHT - BOTTOM - ((fy(q) - y0) / (y1 - y0)) * (HEIGHT - BOTTOM - 8);
    const levels = Array.from({ length: LEVELS }, (_, i) => least + ((most - least) * i) / LEVELS);
    const shapes = contours().size([nx, ny]).thresholds(levels)(flat), sx = (WIDTH - LEFT - 8) / nx, sy = (HEIGHT - BOTTOM - 8) / ny;
    const path = (rings: number[][][][]): string => rings.map((polygon) => polygon.map((ring) => "M" + ring.map(([a, b]) => `${(LEFT + a! * sx).toFixed(1)},${(HEIGHT - BOTTOM - b! * sy).toFixed(1)}`).join("L") + "Z").join("")).join("");
    const t = v.trials.value, dots: [number, number, number][] = [], cx = t.params.get(x.name) ?? [], cy = t.params.get(y.name) ?? [], best = v.study.value?.best;
    for (let row = 0; row < t.n && dots.length < 1000; row++) if (t.state[row] === "complete" && t.role[row] !== "confirm" && typeof cx[row] === "number" && typeof cy[row] === "number") dots.push([px(cx[row] as number), py(cy[row] as number), t.number[row]!]);
    const grey = (q: number): string => `color-mix(in srgb, ${ink.ink} ${Math.round(10 + 60 * q)}%, ${ink.page})`;
    return (
        <figure class="chart" data-figure="contour">
            <h3>{m.name} over {x.name} and {y.name}{unsure ? ": how unsure the model is" : ""}</h3>
            <span class="row"><Choice label="across" value={x.name} of={numeric.map((p) => p.name)} onChange={setX} /><Choice label="up" value={y.name} of={numeric.filter((p) => p !== x).map((p) => p.name)} onChange={setY} />
                <label class="choice"><input type="checkbox" checked={unsure} onChange={(e) => setUnsure(e.currentTarget.checked)} /> how unsure</label></span>
            <svg class="contour" viewBox={`0 0 ${WIDTH} ${HEIGHT + 28}`} role="img" data-points={shapes.length} aria-label={`${m.name} from ${amount(least)} to ${amount(most)} over ${x.name} and ${y.name}`}>
                {shapes.map((s, i) => <path key={i} d={path(s.coordinates)} fill={unsure ? grey(i / (LEVELS - 1)) : viridis(i / (LEVELS - 1))} />)}
                {dots.map(([a, b, n]) => <circle key={n} cx={a} cy={b} r="2.5" class="dot" />)}
                {best && typeof best.params[x.name] === "number" && typeof best.params[y.name] === "number" && <path transform={`translate(${px(best.params[x.name] as number) - 7} ${py(best.params[y.name] as number) - 7}) scale(1.4)`} d="M5,0 L6.5,3.4 L10,3.8 L7.3,6.2 L8.1,10 L5,8 L1.9,10 L2.7,6.2 L0,3.8 L3.5,3.4 Z" fill={ink.ink} stroke={ink.page} />}
                {[0, 0.5, 1].map((q) => <text key={q} x={LEFT + q * (WIDTH - LEFT - 8)} y={HEIGHT - BOTTOM + 16} text-anchor={q === 0 ? "start" : q === 1 ? "end" : "middle"}>{amount(Number((x.scale === "log" ? Math.exp(x0 + q * (x1 - x0)) : x0 + q * (x1 - x0)).toPrecision(3)))}</text>)}
                {[0, 0.5, 1].map((q) => <text key={q} x={LEFT - 6} y={HEIGHT - BOTTOM - q * (HEIGHT - BOTTOM - 8) + (q === 1 ? 8 : 0)} text-anchor="end">{amount(Number((y.scale === "log" ? Math.exp(y0 + q * (y1 - y0)) : y0 + q * (y1 - y0)).toPrecision(3)))}</text>)}
                <text x={WIDTH - 8} y={HEIGHT - BOTTOM + 32} text-anchor="end">{x.name}{x.scale === "log" ? " (log)" : ""}</text>
                {[0, 2, 4, 6, 7].map((i, k) => <g key={i}><rect x={LEFT + k * 80} y={HEIGHT + 8} width="12" height="12" fill={unsure ? grey(i / (LEVELS - 1)) : viridis(i / (LEVELS - 1))} /><text x={LEFT + k * 80 + 16} y={HEIGHT + 18}>{amount(Number(levels[i]!.toPrecision(3)))}</text></g>)}
            </svg>
            <figcaption>{unsure ? "Standard deviation of the model's belief; darker: less sure." : `Mean of the model, all else as in trial ${c.at}.`} Up: {y.name}{y.scale === "log" ? " (log)" : ""}. Dots: complete trials; ★ the best.</figcaption>
        </figure>
    );
}

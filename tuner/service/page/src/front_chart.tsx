/* The choice: two metrics against each other, the front as a step line, references, the winner; where more than two count,
 * the two are chosen and a ring marks what is on the front of all. Sliders weigh the metrics anew: who would win then the
 * service says, as `nocturne best --weights` does; no trial is needed. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { api, type Front, type Metric, type Metrics, type Standing } from "./api";
import { line, marks, type Series } from "./chart";
import type { Trials } from "./columns";
import { Figure, type Point } from "./figure";
import { Choice } from "./history_chart";
import { choice, choose, toTrial } from "./route";
import type { StudyView } from "./study";
import { amount, plural } from "./words";

const WAIT_MS = 120, LINE_POINTS = 60, FRONT_MAX = 1000, AROUND = 3; /* ranges of the weight that are told, each way */

/* Weights of the address ("0.7,0.3" in the order of the metrics), else the study's. */
function weightsOf(names: string[], own: Metrics): Metrics {
    const given = choice("w").split(",").map(Number);
    if (given.length !== names.length || given.some((x) => !Number.isFinite(x) || x < 0)) return own;
    const sum = given.reduce((a, b) => a + b, 0) || 1;
    return Object.fromEntries(names.map((n, i) => [n, given[i]! / sum]));
}

/* All of it with some room; one wild point does not squash the rest. */
function extent(values: number[], log: boolean): { min?: number; max?: number } {
    const sorted = values.filter((x) => Number.isFinite(x)).sort((a, b) => a - b), n = sorted.length;
    if (n < 2) return {};
    const f = log ? Math.log : (x: number): number => x, g = log ? Math.exp : f;
    const inner = [f(sorted[Math.floor(n * 0.05)]!), f(sorted[Math.ceil(n * 0.95) - 1]!)] as const, span = inner[1] - inner[0] || 1;
    const lo = Math.max(f(sorted[0]!), inner[0] - span), hi = Math.min(f(sorted[n - 1]!), inner[1] + span), room = (hi - lo) * 0.06 || 1;
    return { min: g(lo - room), max: g(hi + room) };
}

/* Not worse in both than another that is better in one. */
function frontOf(points: Point[], x: Metric, y: Metric): Point[] {
    const gx = x.goal === "maximize" ? -1 : 1, gy = y.goal === "maximize" ? -1 : 1, front: Point[] = [];
    let least = Infinity;
    for (const p of [...points].sort((a, b) => gx * (a.x - b.x) || gy * (a.y - b.y)))
        if (gy * p.y < least) (least = gy * p.y), front.push(p);
    return front;
}

/* The same of all metrics that count, by number of trial: what no other is as good as in each and better in one. In the
 * order of the first metric only what is on the front so far can be. Empty: it is nearly everything, and says nothing. */
function frontOfAll(t: Trials, metrics: Metric[], isAllowed: (row: number) => boolean): Set<number> {
    const rows = Array.from({ length: t.n }, (_, row) => row).filter((row) => t.state[row] === "complete" && t.role[row] !== "confirm" && metrics.every((m) => Number.isFinite(t.metrics.get(m.name)?.[row])));
    const allowed = rows.filter(isAllowed), signed = new Map((allowed.length ? allowed : rows).map((row) => [row, metrics.map((m) => (m.goal === "maximize" ? -1 : 1) * t.metrics.get(m.name)![row]!)]));
    const front: number[][] = [], found = new Set<number>();
    for (const [row, x] of [...signed].sort(([a, x], [b, y]) => { const k = x.findIndex((v, i) => v !== y[i]); return k < 0 ? a - b : x[k]! - y[k]!; })) {
        if (front.some((other) => other.every((v, k) => v <= x[k]!))) continue;
        if (front.length === FRONT_MAX) return new Set();
        front.push(x);
        found.add(t.number[row]!);
    }
    return found;
}

export function FrontChart({ v }: { v: StudyView }) {
    const s = v.study.value!, t = v.trials.value, all = v.metrics.value;
    const own: Metrics = v.space.value?.objective?.weights ?? (all.length === 2 ? { [all[0]!.name]: 0.5, [all[1]!.name]: 0.5 } : {});
    const names = Object.keys(own), weights = weightsOf(names, own), changed = names.some((n) => Math.abs(weights[n]! - own[n]!) > 1e-9);
    const [found, setFound] = useState<Standing | null>(null), [around, setAround] = useState<Front | null>(null);
    const costs = [...all].sort((a, b) => (own[b.name] ?? 0) - (own[a.name] ?? 0));
    const [xName, setX] = useState(""), [yName, setY] = useState("");
    const x = all.find((m) => m.name === xName) ?? costs.find((m) => m.goal === "minimize") ?? costs[1] ?? costs[0];
    const y = all.find((m) => m.name === yName) ?? costs.find((m) => m.goal === "maximize" && m !== x) ?? costs.find((m) => m !== x) ?? costs[0];
    const text = JSON.stringify(weights);

    useEffect(() => {
        if (!names.length) return;
        let late = false;
        const timer = setTimeout(async () => {
            const [best, front] = await Promise.all([api.best(v.name, changed ? weights : undefined).catch(() => null), api.front(v.name, weights).catch(() => null)]);
            if (!late) (setFound(best), setAround(front));
        }, WAIT_MS);
        return () => {
            late = true;
            clearTimeout(timer);
        };
    }, [text, s.seq]);

    const rows = s.comparison ?? [], means = useMemo(() => withMeans(t, rows), [t, s.comparison]), counting = all.filter((m) => !names.length || names.includes(m.name)), many = counting.length > 2;
    const onAll = useMemo(() => (many ? frontOfAll(means, counting, (row) => !means.breaks[row]) : new Set<number>()), [means, many]);
    if (!x || !y || x === y) return null;
    const winner = changed ? found?.trial : s.best?.trial, feasible: [number, number][] = [], not: [number, number][] = [], points: Point[] = [], good: Point[] = [];
    const cx = means.metrics.get(x.name) ?? [], cy = means.metrics.get(y.name) ?? [];
    for (let row = 0; row < t.n; row++) {
        if (t.state[row] !== "complete" || !Number.isFinite(cx[row]) || !Number.isFinite(cy[row]) || t.role[row] === "confirm") continue;
        const p = { x: cx[row]!, y: cy[row]!, trial: t.number[row]! };
        if (x.kind === "count" && p.x <= 0) continue;
        points.push(p);
        const ok = !means.breaks[row];
        (ok ? feasible : not).push([p.x, p.y]);
        if (ok) good.push(p);
    }
    const front = frontOf(good.length ? good : points, x, y), rings = points.filter((p) => onAll.has(p.trial)), step: [number, number][] = front.flatMap((p, i) => (i ? [[p.x, front[i - 1]!.y], [p.x, p.y]] : [[p.x, p.y]]) as [number, number][]);
    if (!points.length) return <figure class="chart" data-figure="front"><h3>{y.name} against {x.name}</h3><p class="quiet">No trial is complete yet.</p></figure>;
    const edgeX = extent([...points.map((p) => p.x)], x.kind === "count"), edgeY = extent(points.map((p) => p.y), false);
    const refs = rows.filter((r) => r.label).flatMap((r) => { const p = points.find((q) => q.trial === r.trial); return p ? [{ r, p }] : []; }), star = points.find((p) => p.trial === winner), iso = isoOf(rows.find((r) => r.baseline), star, x, y, weights, all);
    return (
        <Figure name="front" view={v} points={points} label={`${y.name} against ${x.name} of ${points.length} trials, ${front.length} on the front, winner trial ${winner ?? "none"}`}
            title={winner === undefined || winner === null ? "No winner under these weights" : <>Under {changed ? "these" : "the study's"} weights <a href={toTrial(v.name, winner)} data-winner={winner}>trial {winner}</a> wins</>}
            caption={<>{plural(front.length, "trial")} on the front (line) of {points.length} complete, by their means over fresh seeds where there are any.{onAll.size > 0 && <> Ring: on the front of {counting.map((m) => m.name).join(", ")} together ({onAll.size}).</>} ★ winner, ■ baseline, □ reference, ◇ breaks a constraint; dashed: as good as the winner by the weights.{x.kind === "count" ? ` ${x.name}: log.` : ""}</>}
            picture={(c) => ({
                x: { name: x.name, kind: x.kind === "count" ? "log" : "number", ...edgeX }, y: { name: y.name, kind: y.kind === "count" && points.every((p) => p.y > 0) ? "log" : "number", ...(y.kind === "count" ? {} : edgeY) },
                series: [
                    ...(iso.length ? [line("as good", iso, c.link, { lineStyle: { color: c.link, width: 1, type: "dashed" }, clip: true })] : []),
                    line("front", step, c.ink, { lineStyle: { color: c.ink, width: 1 } }),
                    marks("complete", "complete", feasible, c), ...(not.length ? [marks("infeasible", "infeasible", not, c)] : []),
                    ...(rings.length ? [{ ...marks("front of all", "reference", rings.map((p): [number, number] => [p.x, p.y]), c), large: false, symbol: "circle", symbolSize: 11, z: 5, itemStyle: { color: "transparent", borderColor: c.ink, borderWidth: 1.25 } }] : []),
                    ...refs.map(({ r, p }): Series => marks(r.label!, r.baseline ? "baseline" : "reference", [[p.x, p.y]], c)),
                    ...(star ? [marks("winner", "winner", [[star.x, star.y]], c)] : []),
                ],
            })}
            numbers={() => { const on = new Set(front); return { head: ["trial", x.name, y.name, "on the front", ...(many ? ["on the front of all"] : [])], rows: points.map((p) => [p.trial, p.x, p.y, on.has(p) ? "yes" : "", ...(many ? [onAll.has(p.trial) ? "yes" : ""] : [])]) }; }}
            below={names.length > 1 && <Weights v={v} names={names} weights={weights} changed={changed} found={found} from={around?.from ?? []} />}>
            {all.length > 2 && <span class="row"><Choice label="across" value={x.name} of={all.map((m) => m.name)} onChange={setX} /><Choice label="up" value={y.name} of={all.map((m) => m.name)} onChange={setY} /></span>}
        </Figure>
    );
}

/* What weighs how much, and from which weight on another would win. */
function Weights({ v, names, weights, changed, found, from }: { v: StudyView; names: string[]; weights: Metrics; changed: boolean; found: Standing | null; from: Front["from"] }) {
    const here = from.reduce((at, f, i) => (f.weight <= weights[names[0]!]! ? i : at), 0);
    return (
        <fieldset class="weights" data-part="weights">
            <legend>Weights{changed && <button class="plain" onClick={() => choose({ w: "" })}>the study's again</button>}</legend>
            {(names.length === 2 ? names.slice(0, 1) : names).map((n) => (
                <label key={n}>{names.length === 2 ? <>{n} <b class="figures">{weights[n]!.toFixed(2)}</b> · {names[1]} <b class="figures">{weights[names[1]!]!.toFixed(2)}</b></> : <>{n} <b class="figures">{weights[n]!.toFixed(2)}</b></>}
                    <input type="range" min="0" max="100" value={Math.round(weights[n]! * 100)} aria-label={`weight of ${n}`} onInput={(e) => choose({ w: moved(names, weights, n, Number(e.currentTarget.value) / 100) })} />
                </label>
            ))}
            {changed && found && <p class="quiet">{found.confirmed_seeds ? `Confirmed on ${plural(found.confirmed_seeds, "seed")}.` : "Measured in the search, not confirmed for these weights."} {Object.entries(found.metrics).map(([k, m]) => `${k} ${amount(m)}`).join(", ")}</p>}
            {from.length > 1 && <p class="quiet">As the search measured them, once each, and by the weight of {names[0]}, the rest as it is: {from.map((f, i) => ({ ...f, to: from[i + 1]?.weight })).slice(Math.max(0, here - AROUND), here + AROUND + 1).map((f, i) => (
                <span key={f.weight} class="figures">{i > 0 && ", "}{f.to === undefined ? `from ${f.weight.toFixed(2)}` : `${f.weight.toFixed(2)} to ${f.to.toFixed(2)}`} <a href={toTrial(v.name, f.trial)}>trial {f.trial}</a></span>))} would win.</p>}
        </fieldset>
    );
}

/* The others share what is left, as they did. */
function moved(names: string[], w: Metrics, name: string, to: number): string {
    const rest = names.filter((n) => n !== name), sum = rest.reduce((a, n) => a + w[n]!, 0);
    return names.map((n) => (n === name ? to : (1 - to) * (sum > 0 ? w[n]! / sum : 1 / rest.length)).toFixed(4).replace(/\.?0+$/, "")).join(",");
}

/* What was confirmed stands at its means over fresh seeds, as in the verdict and the report. */
function withMeans(t: Trials, rows: Standing[]): Trials {
    const metrics = new Map([...t.metrics].map(([name, column]) => [name, [...column]])), breaks = [...t.breaks];
    for (const r of rows) {
        const row = t.row.get(r.trial);
        if (row === undefined || !r.confirmed_seeds) continue;
        for (const [name, x] of Object.entries(r.metrics)) { const column = metrics.get(name); if (column) column[row] = x; }
        breaks[row] = !r.feasible;
    }
    return { ...t, metrics, breaks };
}

/* U = Σ wᵢ gᵢ (Mᵢ − Mᵢ₀)/uᵢ is the same along this line; other metrics as the winner has them. */
function isoOf(base: Standing | undefined, star: Point | undefined, x: Metric, y: Metric, w: Metrics, all: Metric[]): [number, number][] {
    const wx = w[x.name] ?? 0, wy = w[y.name] ?? 0, bx = base?.metrics[x.name], by = base?.metrics[y.name];
    if (!star || bx === undefined || by === undefined || wy === 0 || !all.length) return [];
    const ux = x.unit || Math.abs(bx) || 1, uy = y.unit || Math.abs(by) || 1, gx = x.goal === "maximize" ? 1 : -1, gy = y.goal === "maximize" ? 1 : -1;
    const points: [number, number][] = [];
    for (let i = 0; i <= LINE_POINTS; i++) {
        const at = star.x * 10 ** (-1 + (2 * i) / LINE_POINTS);
        points.push([at, star.y - ((gx * wx * (at - star.x)) / ux / (gy * wy)) * uy]);
    }
    return points;
}

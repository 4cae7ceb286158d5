/* The choice: two metrics against each other, the front as a step line, references, the winner; where more than two count,
 * the two are chosen and a ring marks what is on the front of all. Sliders weigh the metrics anew: who would win then the
 * service says, as `nocturne best --weights` does; no trial is needed. */
import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { api, type Front, type Metric, type Metrics, type Standing } from "./api";
import { keep, type Trials } from "./columns";
import { Figure } from "./figure";
import { Choice } from "./history_chart";
import { choice, choose, toTrial } from "./route";
import { line, marks, noPoints, only, put, sorted, type Points, type Series } from "./series";
import type { StudyView } from "./study";
import { inTurn } from "./turn";
import { amount, plural } from "./words";

const WAIT_MS = 120, LINE_POINTS = 60, FRONT_MAX = 1000, AROUND = 3; /* ranges of the weight that are told, each way */
const MANY = 2000, EACH = 50; /* of so many trials the front of some is looked at first */

/* Weights of the address ("0.7,0.3" in the order of the metrics), else the study's. */
function weightsOf(names: string[], own: Metrics): Metrics {
    const given = choice("w").split(",").map(Number);
    if (given.length !== names.length || given.some((x) => !Number.isFinite(x) || x < 0)) return own;
    const sum = given.reduce((a, b) => a + b, 0) || 1;
    return Object.fromEntries(names.map((n, i) => [n, given[i]! / sum]));
}

/* All of it with some room; one wild point does not squash the rest. */
function extent(values: number[], log: boolean): { min?: number; max?: number } {
    const all = sorted(values), n = all.length;
    if (n < 2) return {};
    const f = log ? Math.log : (x: number): number => x, g = log ? Math.exp : f;
    const inner = [f(all[Math.floor(n * 0.05)]!), f(all[Math.ceil(n * 0.95) - 1]!)] as const, span = inner[1] - inner[0] || 1;
    const lo = Math.max(f(all[0]!), inner[0] - span), hi = Math.min(f(all[n - 1]!), inner[1] + span), room = (hi - lo) * 0.06 || 1;
    return { min: g(lo - room), max: g(hi + room) };
}

/* Places of those that are not worse in both than another that is better in one, along x. Of many those that the front of
 * some of them beats are no matter. */
function frontOf(p: Points, mx: Metric, my: Metric): number[] {
    const gx = mx.goal === "maximize" ? -1 : 1, gy = my.goal === "maximize" ? -1 : 1, x = (i: number): number => gx * p.x[i]!, y = (i: number): number => gy * p.y[i]!;
    const among = (some: number[]): number[] => {
        let least = Infinity;
        return some.sort((a, b) => x(a) - x(b) || y(a) - y(b)).filter((i) => y(i) < least && ((least = y(i)), true));
    };
    const all = p.x.map((_, i) => i), some = all.length > MANY ? among(all.filter((i) => i % EACH === 0)) : [];
    return among(all.filter((i) => !some.some((k) => x(k) <= x(i) && y(k) <= y(i) && (x(k) < x(i) || y(k) < y(i)))));
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

interface Seen {
    points: Points; /* all of them: those that satisfy the constraints, and those that break one */
    feasible: Points;
    broken: Points;
    front: number[]; /* places among the feasible, if there are any, else among all */
    steps: [number, number][];
    logY: boolean;
    edges: { x: { min?: number; max?: number }; y: { min?: number; max?: number } };
}

function see(t: Trials, x: Metric, y: Metric): Seen {
    const points = noPoints(), feasible = noPoints(), broken = noPoints(), cx = t.metrics.get(x.name) ?? [], cy = t.metrics.get(y.name) ?? [];
    for (let row = 0; row < t.n; row++) {
        const px = cx[row]!, py = cy[row]!, n = t.number[row]!;
        if (t.state[row] !== "complete" || !Number.isFinite(px) || !Number.isFinite(py) || t.role[row] === "confirm" || (x.kind === "count" && px <= 0)) continue;
        put(points, px, py, n);
        put(t.breaks[row] ? broken : feasible, px, py, n);
    }
    const from = feasible.x.length ? feasible : points, front = frontOf(from, x, y);
    const steps = front.flatMap((k, i): [number, number][] => (i ? [[from.x[k]!, from.y[front[i - 1]!]!], [from.x[k]!, from.y[k]!]] : [[from.x[k]!, from.y[k]!]]));
    const logY = y.kind === "count" && points.y.every((v) => v > 0);
    return { points, feasible, broken, front: front.map((k) => from.trial[k]!), steps, logY, edges: { x: extent(points.x, x.kind === "count"), y: extent(points.y, logY) } };
}

/* Who would win under these weights, by the service; null: nobody; undefined: it is not known yet. */
function useWinner(v: StudyView, weights: Metrics | undefined): Standing | null | undefined {
    const [found, setFound] = useState<Standing | null>(), turn = useMemo(inTurn, [v]);
    useLayoutEffect(() => {
        if (weights) turn(async () => setFound(await api.best(v.name, weights).catch(() => null)));
    }, [turn, JSON.stringify(weights), v.study.value!.seq]);
    return found;
}

/* Under which weights another would: told when they rest. */
function useAround(v: StudyView, weights: Metrics): Front["from"] {
    const [found, setFound] = useState<Front["from"]>([]);
    useEffect(() => {
        let late = false;
        const timer = setTimeout(async () => {
            const front = await api.front(v.name, weights).catch(() => null);
            if (!late) setFound(front?.from ?? []);
        }, WAIT_MS);
        return () => {
            late = true;
            clearTimeout(timer);
        };
    }, [JSON.stringify(weights), v.study.value!.seq]);
    return found;
}

export function FrontChart({ v }: { v: StudyView }) {
    const s = v.study.value!, t = v.trials.value, all = v.metrics.value, rows = s.comparison ?? [];
    const own: Metrics = v.space.value?.objective?.weights ?? (all.length === 2 ? { [all[0]!.name]: 0.5, [all[1]!.name]: 0.5 } : {});
    const names = Object.keys(own), weights = weightsOf(names, own), changed = names.some((n) => Math.abs(weights[n]! - own[n]!) > 1e-9);
    const found = useWinner(v, changed ? weights : undefined), around = useAround(v, weights);
    const costs = [...all].sort((a, b) => (own[b.name] ?? 0) - (own[a.name] ?? 0));
    const [xName, setX] = useState(""), [yName, setY] = useState("");
    const x = all.find((m) => m.name === xName) ?? costs.find((m) => m.goal === "minimize") ?? costs[1] ?? costs[0];
    const y = all.find((m) => m.name === yName) ?? costs.find((m) => m.goal === "maximize" && m !== x) ?? costs.find((m) => m !== x) ?? costs[0];
    if (!x || !y || x === y) return null;
    const counting = all.filter((m) => !names.length || names.includes(m.name)), many = counting.length > 2;
    const means = keep(t, `means ${s.seq}`, () => withMeans(t, rows)), onAll = keep(t, `front of all ${s.seq}`, () => (many ? frontOfAll(means, counting, (row) => !means.breaks[row]) : new Set<number>()));
    const { points, feasible, broken, front, steps, logY, edges } = keep(t, `front ${s.seq} ${x.name} ${y.name}`, () => see(means, x, y)), { length } = points.x;
    if (!length) return <figure class="chart" data-figure="front"><h3>{y.name} against {x.name}</h3><p class="quiet">No trial is complete yet.</p></figure>;
    const winner = changed ? found?.trial : s.best?.trial, star = only(points, winner), iso = isoOf(rows.find((r) => r.baseline), star, x, y, weights), rings = noPoints();
    points.trial.forEach((n, i) => onAll.has(n) && put(rings, points.x[i]!, points.y[i]!, n));
    return (
        <Figure name="front" view={v} points={points} label={`${y.name} against ${x.name} of ${length} trials, ${front.length} on the front, winner trial ${winner ?? "none"}`}
            title={changed && found === undefined ? "Under these weights …" : winner === undefined ? "No winner under these weights" : <>Under {changed ? "these" : "the study's"} weights <a href={toTrial(v.name, winner)} data-winner={winner}>trial {winner}</a> wins</>}
            caption={<>{plural(front.length, "trial")} on the front (line) of {length} complete, by their means over fresh seeds where there are any.{onAll.size > 0 && <> Ring: on the front of {counting.map((m) => m.name).join(", ")} together ({onAll.size}).</>} ★ winner, ■ baseline, □ reference, ◇ breaks a constraint; dashed: as good as the winner by the weights.{x.kind === "count" ? ` ${x.name}: log.` : ""}</>}
            picture={(c) => ({
                x: { name: x.name, kind: x.kind === "count" ? "log" : "number", ...edges.x }, y: { name: y.name, kind: logY ? "log" : "number", ...edges.y },
                series: [
                    line(iso, c.link, { width: 1, dash: "dashed" }),
                    line(steps, c.ink, { width: 1 }),
                    marks("complete", feasible, c), marks("infeasible", broken, c),
                    marks("reference", rings, c, { shape: "circle", size: 11, fill: "transparent", width: 1.25 }, 5),
                    ...rows.filter((r) => r.label).flatMap((r): Series[] => { const at = only(points, r.trial); return at ? [marks(r.baseline ? "baseline" : "reference", at, c)] : []; }),
                    ...(star ? [marks("winner", star, c)] : []),
                ],
            })}
            numbers={() => { const on = new Set(front); return { head: ["trial", x.name, y.name, "on the front", ...(many ? ["on the front of all"] : [])], rows: points.trial.map((n, i) => [n, points.x[i]!, points.y[i]!, on.has(n) ? "yes" : "", ...(many ? [onAll.has(n) ? "yes" : ""] : [])]) }; }}
            below={names.length > 1 && <Weights v={v} names={names} weights={weights} changed={changed} found={found} from={around} />}>
            {all.length > 2 && <span class="row"><Choice label="across" value={x.name} of={all.map((m) => m.name)} onChange={setX} /><Choice label="up" value={y.name} of={all.map((m) => m.name)} onChange={setY} /></span>}
        </Figure>
    );
}

/* What weighs how much, and from which weight on another would win. */
function Weights({ v, names, weights, changed, found, from }: { v: StudyView; names: string[]; weights: Metrics; changed: boolean; found: Standing | null | undefined; from: Front["from"] }) {
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
    const metrics = new Map([...t.metrics].map(([name, column]) => [name, column.slice()])), breaks = t.breaks.slice();
    for (const r of rows) {
        const row = t.row.get(r.trial);
        if (row === undefined || !r.confirmed_seeds) continue;
        for (const [name, x] of Object.entries(r.metrics)) { const column = metrics.get(name); if (column) column[row] = x; }
        breaks[row] = !r.feasible;
    }
    return { ...t, metrics, breaks };
}

/* U = Σ wᵢ gᵢ (Mᵢ − Mᵢ₀)/uᵢ is the same along this line; other metrics as the winner has them. */
function isoOf(base: Standing | undefined, star: Points | null, x: Metric, y: Metric, w: Metrics): [number, number][] {
    const wx = w[x.name] ?? 0, wy = w[y.name] ?? 0, bx = base?.metrics[x.name], by = base?.metrics[y.name];
    if (!star || bx === undefined || by === undefined || wy === 0) return [];
    const ux = x.unit || Math.abs(bx) || 1, uy = y.unit || Math.abs(by) || 1, gx = x.goal === "maximize" ? 1 : -1, gy = y.goal === "maximize" ? 1 : -1;
    const sx = star.x[0]!, sy = star.y[0]!;
    return Array.from({ length: LINE_POINTS + 1 }, (_, i): [number, number] => {
        const at = sx * 10 ** (-1 + (2 * i) / LINE_POINTS);
        return [at, sy - ((gx * wx * (at - sx)) / ux / (gy * wy)) * uy];
    });
}

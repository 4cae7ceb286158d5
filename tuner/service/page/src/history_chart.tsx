/* History: one metric or the utility of every trial, in the order they ended, with the best so far. */
import { useState } from "preact/hooks";
import type { Metric } from "./api";
import { keep, type Trials } from "./columns";
import { Figure } from "./figure";
import { choice } from "./route";
import { line, marks, noPoints, only, put, sorted, type Points, type Series } from "./series";
import type { StudyView } from "./study";
import { amount, STATES, type State } from "./words";

const OWN_UTILITY = new Set(["search", "baseline", "reference", "enqueued"]);

interface Told {
    points: Points; /* all of them: by their looks, and those that confirmed */
    looks: Map<State, Points>;
    confirm: Points;
    best: [number, number][]; /* so far */
    top: number;
    since: number; /* the trial that was the last to be better; −1: none */
    floor: number | undefined; /* the drawing's, where a few lie far below all others */
    beneath: number;
}

/* Of the middle of them it shows all; what lies far below would squash the rest. */
function floorOf(y: number[]): { floor: number | undefined; beneath: number } {
    const all = sorted(y), low = all[Math.floor(all.length * 0.02)] ?? 0, high = all[Math.ceil(all.length * 0.98)] ?? 1, floor = low - 0.2 * (high - low);
    if (all.length <= 20 || all[0]! >= low - 3 * (high - low)) return { floor: undefined, beneath: 0 };
    return { floor, beneath: all.findIndex((v) => v >= floor) };
}

function tell(t: Trials, column: number[], metric: Metric | undefined): Told {
    const points = noPoints(), confirm = noPoints(), looks = new Map<State, Points>(), best: [number, number][] = [], isBetter = (y: number): boolean => (metric?.goal === "minimize" ? y < top : y > top);
    let top = NaN, since = -1;
    for (let row = 0; row < t.n; row++) {
        const x = t.number[row]!, y = column[row]!, state = t.state[row]!;
        if (!Number.isFinite(y) || (metric?.kind === "count" && y <= 0) || state === "pruned" || state === "failed") continue;
        put(points, x, y, x);
        if (t.role[row] === "confirm") {
            put(confirm, x, y, x);
            continue;
        }
        const look = t.breaks[row] ? "infeasible" : state;
        if (!looks.has(look)) looks.set(look, noPoints());
        put(looks.get(look)!, x, y, x);
        if (look !== "complete" || (!metric && !OWN_UTILITY.has(t.role[row]!)) || !(Number.isNaN(top) || isBetter(y))) continue;
        if (best.length) best.push([x, top]);
        best.push([x, (top = y)]);
        since = x;
    }
    if (best.length) best.push([Math.max(t.n - 1, 0), top]);
    return { points, looks, confirm, best, top, since, ...floorOf(points.y) };
}

export function History({ v }: { v: StudyView }) {
    const names = ["utility", ...v.metrics.value.map((m) => m.name)], [name, setName] = useState("utility"), t = v.trials.value, metric = v.metrics.value.find((m) => m.name === name);
    const { points, looks, confirm, best, top, since, floor, beneath } = keep(t, `history ${name}`, () => tell(t, metric ? (t.metrics.get(name) ?? []) : t.utility, metric));
    const log = metric?.kind === "count", winner = only(points, v.study.value!.best?.trial), chosen = only(points, Number(choice("t") || NaN)), { length } = points.x;
    if (!length) return <figure class="chart" data-figure="history"><h3>History</h3><p class="quiet">No trial is complete yet; the first result starts this chart.</p></figure>;
    return (
        <Figure name="history" view={v} points={points} label={`${name} of ${length} trials in their order, best ${amount(top)}`}
            title={since >= 0 ? `The last improvement came with trial ${since}, of ${t.n}` : "No complete trial yet"}
            caption={<>Line: best {name} so far. {looks.has("infeasible") && "◇ breaks a constraint. "}What was stopped early has no result and is not shown; ○ fresh seeds that confirmed. n = {length}.{beneath > 0 && ` ${beneath} beneath the edge.`}</>}
            picture={(c) => ({
                x: { name: "trial", kind: "number", min: 0, max: Math.max(1, t.n - 1) },
                y: { name, kind: log ? "log" : "number", ...(log ? {} : { min: floor }) },
                series: [
                    line(best, c.ink, { z: 3 }),
                    ...STATES.filter((s) => looks.has(s)).map((s): Series => marks(s, looks.get(s)!, c)),
                    marks("reference", confirm, c, { shape: "circle", size: 5 }),
                    ...(winner ? [marks("winner", winner, c)] : []),
                    ...(chosen ? [marks("queued", chosen, c, { size: 16, line: c.link, width: 2 }, 10)] : []),
                ],
            })}
            numbers={() => ({ head: ["trial", name, "state", "role"], rows: points.trial.map((n, i) => { const row = t.row.get(n)!; return [n, points.y[i]!, t.state[row]!, t.role[row]!]; }) })}>
            <Choice label="of" value={name} of={names} onChange={setName} />
        </Figure>
    );
}

export function Choice({ label, value, of, onChange }: { label: string; value: string; of: string[]; onChange: (v: string) => void }) {
    return (
        <label class="choice">{label} <select value={value} onChange={(e) => onChange(e.currentTarget.value)}>{of.map((o) => <option key={o} value={o}>{o}</option>)}</select></label>
    );
}

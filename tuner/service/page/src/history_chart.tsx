/* History: one metric or the utility of every trial, in the order they ended, with the best so far. */
import { useState } from "preact/hooks";
import { line, marks, type Series } from "./chart";
import { Figure, type Point } from "./figure";
import { choice } from "./route";
import type { StudyView } from "./study";
import { amount, STATES, type State } from "./words";

export function History({ v }: { v: StudyView }) {
    const names = ["utility", ...v.metrics.value.map((m) => m.name)], [name, setName] = useState("utility");
    const t = v.trials.value, metric = v.metrics.value.find((m) => m.name === name), column = name === "utility" ? t.utility : (t.metrics.get(name) ?? []);
    const log = metric?.kind === "count", best: [number, number][] = [], byState = new Map<State, [number, number][]>(), points: Point[] = [], confirm: [number, number][] = [];
    let top = NaN, since = -1;
    for (let row = 0; row < t.n; row++) {
        const x = t.number[row]!, y = column[row]!, state = t.state[row]!;
        if (!Number.isFinite(y) || (log && y <= 0) || state === "pruned" || state === "failed") continue;
        points.push({ x, y, trial: x });
        if (t.role[row] === "confirm") {
            confirm.push([x, y]);
            continue;
        }
        const look = t.breaks[row] ? "infeasible" : state;
        if (!byState.has(look)) byState.set(look, []);
        byState.get(look)!.push([x, y]);
        if (look !== "complete" || (name === "utility" && t.role[row] !== "search" && t.role[row] !== "baseline" && t.role[row] !== "reference" && t.role[row] !== "enqueued")) continue;
        if (Number.isNaN(top) || (metric?.goal === "minimize" ? y < top : y > top)) {
            if (!Number.isNaN(top)) best.push([x, top]);
            top = y;
            since = x;
            best.push([x, y]);
        }
    }
    const last = Math.max(t.n - 1, 0), winner = v.study.value!.best?.trial, at = points.find((p) => p.trial === winner), chosen = points.find((p) => p.trial === Number(choice("t") || NaN));
    if (best.length) best.push([last, top]);
    const shown = [...points].map((p) => p.y).sort((a, b) => a - b), low = shown[Math.floor(shown.length * 0.02)] ?? 0, high = shown[Math.ceil(shown.length * 0.98)] ?? 1;
    const clipped = shown.length > 20 && shown[0]! < low - 3 * (high - low), beneath = clipped ? shown.filter((y) => y < low - 0.2 * (high - low)).length : 0;
    if (!points.length) return <figure class="chart" data-figure="history"><h3>History</h3><p class="quiet">No trial is complete yet; the first result starts this chart.</p></figure>;
    return (
        <Figure name="history" view={v} points={points} label={`${name} of ${points.length} trials in their order, best ${amount(top)}`}
            title={since >= 0 ? `The last improvement came with trial ${since}, of ${t.n}` : "No complete trial yet"}
            caption={<>Line: best {name} so far. {byState.has("infeasible") && "◇ breaks a constraint. "}What was stopped early has no result and is not shown; ○ fresh seeds that confirmed. n = {points.length}.{beneath > 0 && ` ${beneath} beneath the edge.`}</>}
            picture={(c) => ({
                x: { name: "trial", kind: "number", min: 0, max: Math.max(1, last) },
                y: { name, kind: log ? "log" : "number", ...(clipped && !log ? { min: low - 0.2 * (high - low) } : {}) },
                series: [
                    line("best so far", best, c.ink, { z: 3 }),
                    ...STATES.filter((s) => byState.has(s)).map((s): Series => marks(s, s, byState.get(s)!, c)),
                    ...(confirm.length ? [{ ...marks("confirm", "reference", confirm, c), symbol: "circle", symbolSize: 5 }] : []),
                    ...(at ? [marks("winner", "winner", [[at.x, at.y]], c)] : []),
                    ...(chosen ? [{ ...marks("chosen", "queued", [[chosen.x, chosen.y]], c), symbolSize: 16, z: 10, itemStyle: { color: "transparent", borderColor: c.link, borderWidth: 2 } }] : []),
                ],
            })}
            numbers={() => ({ head: ["trial", name, "state", "role"], rows: points.map((p) => { const row = t.row.get(p.trial)!; return [p.trial, p.y, t.state[row]!, t.role[row]!]; }) })}>
            <Choice label="of" value={name} of={names} onChange={setName} />
        </Figure>
    );
}

export function Choice({ label, value, of, onChange }: { label: string; value: string; of: string[]; onChange: (v: string) => void }) {
    return (
        <label class="choice">{label} <select value={value} onChange={(e) => onChange(e.currentTarget.value)}>{of.map((o) => <option key={o} value={o}>{o}</option>)}</select></label>
    );
}

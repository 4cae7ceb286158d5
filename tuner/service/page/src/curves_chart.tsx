/* Learning curves: what trials reported, step by step, coloured by what became of them; live for those that run. */
import { useEffect, useState } from "preact/hooks";
import { Figure } from "./figure";
import { Choice } from "./history_chart";
import { choice } from "./route";
import { line, type Points } from "./series";
import { readCurve, type StudyView } from "./study";
import { plural } from "./words";

const CURVES_MAX = 40, AT_ONCE = 4;

/* Winner, references, what runs, what is chosen; then the last that ended. */
function wanted(v: StudyView): number[] {
    const t = v.trials.value, s = v.study.value!, first = [s.best?.trial, ...(s.comparison ?? []).filter((r) => r.label).map((r) => r.trial), Number(choice("t") || NaN), ...v.running.value.map((x) => x.trial)];
    const all = new Set(first.filter((n): n is number => n !== undefined && t.row.has(n)));
    for (let row = t.n - 1; row >= 0 && all.size < CURVES_MAX; row--) if (["complete", "pruned", "failed"].includes(t.state[row]!) && t.role[row] !== "confirm") all.add(t.number[row]!);
    return [...all];
}

export function Curves({ v }: { v: StudyView }) {
    const numbers = wanted(v), curves = v.curves.value, t = v.trials.value, s = v.study.value!, [name, setName] = useState(""), [by, setBy] = useState("");
    useEffect(() => {
        let over = false;
        const missing = numbers.filter((n) => !v.curves.value.has(n));
        const next = async (): Promise<void> => {
            for (let n = missing.shift(); n !== undefined && !over; n = missing.shift()) await readCurve(v, n).catch(() => undefined);
        };
        for (let i = 0; i < AT_ONCE; i++) void next();
        return () => void (over = true);
    }, [numbers.join()]);
    const reported = numbers.filter((n) => (curves.get(n)?.length ?? 0) > 1), names = [...new Set(reported.flatMap((n) => Object.keys(curves.get(n)![0]!.metrics)))];
    if (!reported.length) return null;
    const metric = names.includes(name) ? name : (v.metrics.value.find((m) => m.goal === "maximize" && names.includes(m.name))?.name ?? names[0]!);
    const across = ["step", ...names.filter((n) => n !== metric)], x = across.includes(by) ? by : across.includes("tokens") && metric !== "tokens" ? "tokens" : "step";
    const pointsOf = (n: number): [number, number][] => curves.get(n)!.map((r): [number, number] => [x === "step" ? r.step : r.metrics[x]!, r.metrics[metric]!]).filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b) && (x === "step" || a > 0));
    const ends = reported.flatMap((n) => { const p = pointsOf(n), e = p[p.length - 1]; return e ? [{ x: e[0], y: e[1], trial: n }] : []; });
    const points: Points = { x: ends.map((p) => p.x), y: ends.map((p) => p.y), trial: ends.map((p) => p.trial) };
    const stopped = reported.filter((n) => t.state[t.row.get(n)!] === "pruned").length, log = x !== "step" && ends.every((p) => p.x > 0), chosen = Number(choice("t") || NaN);
    return (
        <Figure name="curves" view={v} points={points} label={`${metric} of ${reported.length} trials as they went`}
            title={`${plural(reported.length, "curve")}, ${stopped} of them stopped early`}
            caption={<>{metric} by {x}{log ? " (log)" : ""}. Thick: winner. Blue: complete; grey: stopped early; red: failed; ochre: running; as dark as the text: references. The latest {CURVES_MAX} at most.</>}
            picture={(c) => ({
                x: { name: x, kind: log ? "log" : "number" }, y: { name: metric, kind: "number" },
                series: [...reported].map((n) => {
                    const row = t.row.get(n)!, state = t.state[row]!, role = t.role[row]!, best = n === s.best?.trial, ref = role === "baseline" || role === "reference";
                    return line(pointsOf(n), n === chosen ? c.link : best || ref ? c.ink : c[state], {
                        z: best || n === chosen ? 8 : ref ? 7 : state === "running" ? 6 : state === "complete" ? 4 : 2,
                        width: best || n === chosen ? 2.5 : ref ? 1.5 : state === "pruned" ? 1 : 1.25, dash: role === "baseline" ? "dashed" : "solid", opacity: state === "pruned" || (state === "complete" && !best && !ref) ? 0.7 : 1,
                    });
                }),
            })}
            numbers={() => ({ head: ["trial", "state", x, metric], rows: reported.flatMap((n) => pointsOf(n).map(([a, b]) => [n, t.state[t.row.get(n)!]!, a, b])) })}>
            <span class="row">{names.length > 1 && <Choice label="of" value={metric} of={names} onChange={setName} />}{across.length > 1 && <Choice label="by" value={x} of={across} onChange={setBy} />}</span>
        </Figure>
    );
}

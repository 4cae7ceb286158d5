/* Confirmation: the configurations that are compared, one a row, on the same axis: mean, 95 % interval, single seeds as
 * dots, the baseline as a dashed line; then the differences in figures. */
import type { Metric, Standing } from "./api";
import { Mark } from "./mark";
import { toTrial } from "./route";
import type { StudyView } from "./study";
import { change, direction, VERDICTS } from "./verdict";
import { amount, meanAndSd } from "./words";

/* Student's t, 97.5 %, by degrees of freedom */
const T = [0, 12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086];
const WIDTH = 240, HEIGHT = 28, EDGE = 8;

interface Dots { mean: number; low: number; high: number; seeds: number[] }

function dotsOf(v: StudyView, r: Standing, metric: string): Dots {
    const mean = r.metrics[metric]!, sd = r.sd?.[metric], n = r.confirmed_seeds, t = v.trials.value, params = JSON.stringify(Object.entries(r.params).sort());
    const half = sd !== undefined && n > 1 ? (T[n - 1] ?? 1.98) * sd / Math.sqrt(n) : 0, seeds: number[] = [], column = t.metrics.get(metric);
    for (let row = 0; column && n > 1 && t.n <= 5000 && row < t.n; row++) {
        if (t.role[row] !== "confirm" || t.state[row] !== "complete") continue;
        if (Number.isFinite(t.confirms[row])) {
            if (t.confirms[row] === r.trial) seeds.push(column[row]!);
            continue;
        }
        const own: [string, unknown][] = [];
        for (const [name, c] of t.params) if (c[row] !== undefined) own.push([name, c[row]]);
        if (JSON.stringify(own.sort()) === params) seeds.push(column[row]!);
    }
    return { mean, low: mean - half, high: mean + half, seeds };
}

const WORDS: Record<string, string> = { better: "better", worse: "worse", holds: "holds", open: "open" };
const labelOf = (r: Standing): string => (r.label ? r.label : r.winner ? "winner" : "tried");
const markOf = (r: Standing) => (r.winner ? "winner" : r.baseline ? "baseline" : r.label ? "reference" : r.feasible ? "complete" : "infeasible") as "winner";

export function Confirmation({ v }: { v: StudyView }) {
    const rows = v.study.value!.comparison ?? [], winner = v.study.value!.best;
    const used = v.space.value?.objective?.weights, all = v.metrics.value.filter((m) => rows.some((r) => Number.isFinite(r.metrics[m.name])));
    const metrics = [...all].sort((a, b) => Number(b.name in (used ?? {})) - Number(a.name in (used ?? {}))).slice(0, 4);
    if (rows.length < 2) return null;
    const counts = rows.map((r) => r.confirmed_seeds).filter((n) => n > 0), seeds = Math.max(0, ...counts), least = Math.min(seeds, ...counts);
    return (
        <section data-part="confirmation" class="confirmation">
            <h2>{seeds > 0 ? `Confirmed on ${least < seeds ? `${least} to ${seeds}` : seeds} fresh seed${seeds > 1 ? "s" : ""}` : "What stands beside what"}</h2>
            <div class="wide" tabIndex={0} role="region" aria-label="Confirmation">
                <table>
                    <thead><tr><th scope="col">configuration</th>{metrics.map((m) => <th key={m.name} scope="col">{m.name}<span class="quiet block">{m.goal === "maximize" ? "more is better" : "less is better"}</span></th>)}<th scope="col" class="right">utility</th></tr></thead>
                    <tbody>
                        {rows.slice(0, 12).map((r) => (
                            <tr key={`${r.trial}${r.label}`} class={r.winner ? "winner" : ""}>
                                <th scope="row"><Mark state={markOf(r)} /> <a href={toTrial(v.name, r.trial)}>{labelOf(r)}{r.label ? "" : ` (trial ${r.trial})`}</a>{!r.feasible && !r.baseline && <span class="quiet block">breaks {r.breaks?.[0]?.constraint ?? "a constraint"}</span>}</th>
                                {metrics.map((m) => <td key={m.name} data-name={m.name}><Interval v={v} rows={rows} r={r} m={m} /><span class="figures">{meanAndSd(r.metrics[m.name], r.sd?.[m.name], m.kind === "count")}</span></td>)}
                                <td class="right figures" data-name="utility">{amount(r.utility)}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
            <p class="caption">{seeds > 1 ? "Dot: mean. Line: 95 % interval of the mean (Student's t). Small dots: single seeds. Dashed: the baseline." : "One measurement each; the spread is not known yet. Dashed: the baseline."}</p>
            {winner?.against && winner.against.length > 0 && !winner.baseline && (
                <details open={seeds > 0}>
                    <summary>Differences of trial {winner.trial}, with their 95 % intervals (Welch)</summary>
                    <div class="wide" tabIndex={0} role="region" aria-label="Differences">
                        <table class="differences">
                            <thead><tr><th scope="col">against</th><th scope="col">metric</th><th scope="col" class="right">difference</th><th scope="col">95 % interval</th><th scope="col">that is</th></tr></thead>
                            <tbody>
                                {winner.against.flatMap((a) => Object.entries(a.metrics).map(([name, d], i) => {
                                    const m = metrics.find((x) => x.name === name) ?? all.find((x) => x.name === name);
                                    return (
                                        <tr key={a.reference + name}>
                                            {i === 0 ? <th scope="row">{a.reference}<span class="quiet block">{VERDICTS[a.verdict].word.toLowerCase()}</span></th> : <td />}
                                            <td>{name}{m?.kind === "proportion" && <span class="quiet"> points</span>}</td><td class="right figures">{change(d, m)}</td>
                                            <td class="figures">{d.low === undefined ? <span class="quiet">not known</span> : `${change(d, m, "low")} to ${change(d, m, "high")}`}</td>
                                            <td>{WORDS[direction(d, m) ?? ""] ?? <span class="quiet">measured once</span>}</td>
                                        </tr>
                                    );
                                }))}
                            </tbody>
                        </table>
                    </div>
                </details>
            )}
        </section>
    );
}

function Interval({ v, rows, r, m }: { v: StudyView; rows: Standing[]; r: Standing; m: Metric }) {
    if (!Number.isFinite(r.metrics[m.name])) return null;
    const dots = rows.filter((x) => Number.isFinite(x.metrics[m.name])).map((x) => dotsOf(v, x, m.name)), own = dotsOf(v, r, m.name);
    const log = m.kind === "count" && Math.min(...dots.flatMap((d) => [d.mean])) > 0, f = (x: number): number => (log ? Math.log(Math.max(x, 1e-300)) : x);
    const clipLow = Math.min(...dots.flatMap((d) => [d.mean, ...d.seeds])), clipHigh = Math.max(...dots.flatMap((d) => [d.mean, ...d.seeds]));
    const span = f(clipHigh) - f(clipLow) || 1, lo = f(clipLow) - span * 0.25, hi = f(clipHigh) + span * 0.25;
    const x = (value: number): number => EDGE + Math.max(0, Math.min(1, ((log && value <= 0 ? lo : f(value)) - lo) / (hi - lo))) * (WIDTH - 2 * EDGE);
    const base = rows.find((b) => b.baseline)?.metrics[m.name];
    return (
        <svg class="interval" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${m.name} ${amount(own.mean)}, from ${amount(own.low)} to ${amount(own.high)}`}>
            {base !== undefined && <line x1={x(base)} x2={x(base)} y1="0" y2={HEIGHT} class="zero" />}
            {own.low < own.high && <line x1={x(own.low)} x2={x(own.high)} y1={HEIGHT / 2} y2={HEIGHT / 2} class="span" />}
            {own.seeds.map((s, i) => <circle key={i} cx={x(s)} cy={HEIGHT / 2} r="2.5" class="seed" />)}
            <circle cx={x(own.mean)} cy={HEIGHT / 2} r="4.5" class={r.winner ? "mean" : "mean other"} />
        </svg>
    );
}
